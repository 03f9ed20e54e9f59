"""Handwritten digits, from raw data to a published model, with the stock Kubeflow Pipelines SDK.

Describe and validate the data, split it, train several models in a loop, evaluate each on data that it has not seen, pick the
best, and publish it if it is good enough.

    headrace run examples/digits/pipeline.py -p max_iter=200
"""

from typing import List, NamedTuple

from kfp import dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output

IMAGE = "python:3.11"
PACKAGES = ["scikit-learn==1.7.2"]


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def load_digits(digits: Output[Dataset], summary: Output[Markdown]) -> int:
    """Writes the 8x8 images that ship with scikit-learn, and says what is in them."""
    import json

    from sklearn.datasets import load_digits as load

    data = load()
    with open(digits.path, "w") as file:
        json.dump({"images": data.data.tolist(), "labels": data.target.tolist()}, file)
    digits.metadata["rows"] = len(data.target)
    counts = {digit: int((data.target == digit).sum()) for digit in range(10)}
    with open(summary.path, "w") as file:
        file.write("# Handwritten digits\n\n")
        file.write(f"{len(data.target)} images of 8 × 8 pixels, values 0 to 16.\n\n")
        file.write("| digit | images |\n|---|---|\n")
        file.writelines(f"| {digit} | {count} |\n" for digit, count in counts.items())
    return len(data.target)


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def validate_digits(digits: Input[Dataset]) -> bool:
    """Fails loudly on data that no model should be trained on."""
    import json

    import numpy as np

    with open(digits.path) as file:
        data = json.load(file)
    images, labels = np.array(data["images"]), np.array(data["labels"])
    assert images.shape == (len(labels), 64), f"expected 64 pixels an image, got {images.shape}"
    assert images.min() >= 0 and images.max() <= 16, "pixel values must lie between 0 and 16"
    assert set(labels) == set(range(10)), "every digit must occur"
    print(f"{len(labels)} images are sound")
    return True


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def split_digits(digits: Input[Dataset], test_share: float, train: Output[Dataset], test: Output[Dataset]):
    """Keeps a share of every digit aside, the same rows each time."""
    import json

    from sklearn.model_selection import train_test_split

    with open(digits.path) as file:
        data = json.load(file)
    parts = train_test_split(
        data["images"], data["labels"], test_size=test_share, stratify=data["labels"], random_state=7
    )
    for output, images, labels in ((train, parts[0], parts[2]), (test, parts[1], parts[3])):
        with open(output.path, "w") as file:
            json.dump({"images": images, "labels": labels}, file)
        output.metadata["rows"] = len(labels)


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def train_model(train: Input[Dataset], algorithm: str, max_iter: int, model: Output[Model]):
    """Fits one kind of classifier."""
    import json
    import pickle

    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    classifiers = {
        "logistic-regression": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=max_iter)),
        "nearest-neighbours": lambda: KNeighborsClassifier(n_neighbors=3),
        "random-forest": lambda: RandomForestClassifier(n_estimators=max_iter, random_state=7),
        "support-vectors": lambda: SVC(gamma=0.001, C=10, probability=False),
    }
    with open(train.path) as file:
        data = json.load(file)
    classifier = classifiers[algorithm]()
    classifier.fit(data["images"], data["labels"])
    with open(model.path, "wb") as file:
        pickle.dump(classifier, file)
    model.metadata["framework"] = "scikit-learn"
    model.metadata["algorithm"] = algorithm


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def evaluate_model(
    model: Input[Model],
    test: Input[Dataset],
    algorithm: str,
    metrics: Output[Metrics],
    confusion: Output[ClassificationMetrics],
) -> NamedTuple("Evaluation", [("algorithm", str), ("accuracy", float)]):
    """Measures a model on the rows that it has not seen."""
    import json
    import pickle
    from collections import namedtuple

    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    with open(test.path) as file:
        data = json.load(file)
    with open(model.path, "rb") as file:
        classifier = pickle.load(file)
    predicted = classifier.predict(data["images"])
    accuracy = round(float(accuracy_score(data["labels"], predicted)), 4)
    metrics.log_metric("accuracy", accuracy)
    metrics.log_metric("f1", round(float(f1_score(data["labels"], predicted, average="macro")), 4))
    confusion.log_confusion_matrix(
        [str(digit) for digit in range(10)], confusion_matrix(data["labels"], predicted).tolist()
    )
    print(f"{algorithm}: accuracy {accuracy}")
    return namedtuple("Evaluation", ["algorithm", "accuracy"])(algorithm, accuracy)


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def pick_best(
    models: Input[List[Model]],
    test: Input[Dataset],
    algorithms: List[str],
    accuracies: List[float],
    best: Output[Model],
    report: Output[HTML],
    roc: Output[ClassificationMetrics],
) -> NamedTuple("Best", [("algorithm", str), ("accuracy", float)]):
    """Compares the models and keeps the most accurate one."""
    import json
    import pickle
    import shutil
    from collections import namedtuple

    import numpy as np
    from sklearn.metrics import roc_curve

    ranking = sorted(zip(accuracies, algorithms), reverse=True)
    accuracy, algorithm = ranking[0]
    winner = models[algorithms.index(algorithm)]
    shutil.copyfile(winner.path, best.path)
    best.metadata.update({"framework": "scikit-learn", "algorithm": algorithm, "accuracy": accuracy})

    with open(test.path) as file:
        data = json.load(file)
    with open(best.path, "rb") as file:
        classifier = pickle.load(file)
    score = getattr(classifier, "predict_proba", None) or classifier.decision_function
    is_eight = np.array(data["labels"]) == 8
    false_positives, true_positives, thresholds = roc_curve(is_eight, np.array(score(data["images"]))[:, 8])
    finite = np.isfinite(thresholds)
    roc.log_roc_curve(
        false_positives[finite].tolist(), true_positives[finite].tolist(), thresholds[finite].tolist()
    )

    rows = "".join(f"<tr><td>{name}</td><td>{value:.4f}</td></tr>" for value, name in ranking)
    with open(report.path, "w") as file:
        file.write(f"<h1>Models by accuracy</h1><table><tr><th>model</th><th>accuracy</th></tr>{rows}</table>")
    return namedtuple("Best", ["algorithm", "accuracy"])(algorithm, accuracy)


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def publish_model(model: Input[Model], accuracy: float, published: Output[Model]) -> str:
    """Puts the model where the next step of its life finds it."""
    import shutil

    shutil.copyfile(model.path, published.path)
    published.metadata.update(model.metadata)
    published.metadata["published"] = "true"
    return f"{model.metadata['algorithm']} with accuracy {accuracy}"


@dsl.pipeline(name="digits", description="From handwritten digits to a published model")
def digits_pipeline(
    algorithms: List[str] = ["logistic-regression", "nearest-neighbours", "random-forest", "support-vectors"],
    max_iter: int = 200,
    test_share: float = 0.25,
    required_accuracy: float = 0.95,
) -> NamedTuple("Outputs", [("algorithm", str), ("accuracy", float)]):
    loaded = load_digits()
    validated = validate_digits(digits=loaded.outputs["digits"])
    split = split_digits(digits=loaded.outputs["digits"], test_share=test_share).after(validated)
    with dsl.ParallelFor(algorithms) as algorithm:
        trained = train_model(train=split.outputs["train"], algorithm=algorithm, max_iter=max_iter)
        evaluated = evaluate_model(model=trained.outputs["model"], test=split.outputs["test"], algorithm=algorithm)
    best = pick_best(
        models=dsl.Collected(trained.outputs["model"]),
        test=split.outputs["test"],
        algorithms=dsl.Collected(evaluated.outputs["algorithm"]),
        accuracies=dsl.Collected(evaluated.outputs["accuracy"]),
    )
    with dsl.If(best.outputs["accuracy"] >= required_accuracy):
        publish_model(model=best.outputs["best"], accuracy=best.outputs["accuracy"])
    outputs = NamedTuple("Outputs", [("algorithm", str), ("accuracy", float)])
    return outputs(algorithm=best.outputs["algorithm"], accuracy=best.outputs["accuracy"])

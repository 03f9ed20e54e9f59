import { Fragment, type ReactNode } from "react";
import { RequestError } from "./errors.ts";
import { ErrorPanel, errorText, Skeleton } from "./feedback.tsx";
import { usePage } from "./kit.tsx";
import { MissingPage } from "./pages.tsx";
import { Sentence } from "./text.tsx";
import type { Asked } from "./use-answer.ts";

/** What was asked for. Its place is held until it is there; if it does not come, it is said why. */
export function Answered<T>({
  answer,
  failed,
  rows,
  children,
}: {
  readonly answer: Asked<T>;
  /** What could not be done. */
  readonly failed: string;
  /** How high it will be, about. */
  readonly rows: number;
  readonly children: (value: T) => ReactNode;
}) {
  if (answer.state === "loading") return <Skeleton rows={rows} />;
  if (answer.state === "failed") return <ErrorPanel what={failed} error={answer.error} onRetry={answer.retry} />;
  return children(answer.value);
}

export interface FoundPageProps<T> {
  /** By which it was asked for: its name until a better one is known. */
  readonly id: string;
  /** Undefined is an answer too: there is no such thing. */
  readonly answer: Asked<T | undefined>;
  readonly nameOf: (value: T) => string;
  /** Where the others are. */
  readonly list: { readonly to: string; readonly label: string };
  readonly missing: { readonly title: string; readonly sentence: string; readonly back: string };
  /** What could not be done. */
  readonly failed: string;
  readonly children: (value: T) => ReactNode;
}

/** The page of one thing, once it is found; or that there is none, that the reader may not see it, or why nobody knows. */
export function FoundPage<T>({ id, answer, nameOf, list, missing, failed, children }: FoundPageProps<T>) {
  const found = answer.state === "ready" ? answer.value : undefined;
  const name = found === undefined ? id : nameOf(found);
  usePage(name, [list, { label: name, name: true }]);
  const back = { to: list.to, label: missing.back };
  const status = answer.state === "failed" && answer.error instanceof RequestError ? answer.error.status : 0;
  if (status === 404 || (answer.state === "ready" && answer.value === undefined))
    return <MissingPage title={missing.title} sentence={<Sentence text={missing.sentence} />} back={back} />;
  // The server says who may not do what, and where.
  if (answer.state === "failed" && (status === 401 || status === 403))
    return <MissingPage title={failed} sentence={<Sentence text={errorText(answer.error)} />} back={back} />;
  return (
    <Answered answer={answer} failed={failed} rows={8}>
      {(value) => (value === undefined ? null : <Fragment key={id}>{children(value)}</Fragment>)}
    </Answered>
  );
}

import { CopyButton, Switch } from "@headrace/ui-kit";
import { useState, type ReactNode } from "react";

export interface CodePreviewProps {
  readonly title: string;
  /** What stands above the code. */
  readonly children?: ReactNode;
  /** Texts by the name of their language. */
  readonly codes: readonly { readonly language: string; readonly text: string }[];
}

/** The right side of a form: the same from code, in one of a few languages. */
export function CodePreview({ title, children, codes }: CodePreviewProps) {
  const [chosen, setChosen] = useState(codes[0]?.language ?? "");
  const shown = codes.find(({ language }) => language === chosen) ?? codes[0];
  return (
    <>
      {children}
      <header className="preview-head">
        <h2>{title}</h2>
        <span className="actions">
          {codes.length > 1 && shown ? (
            <Switch
              label={title}
              value={shown.language}
              onChange={setChosen}
              options={codes.map(({ language }) => ({ value: language, label: language }))}
            />
          ) : null}
          <CopyButton text={shown?.text ?? ""} className="compact" />
        </span>
      </header>
      <pre className="preview-code">{shown?.text}</pre>
    </>
  );
}

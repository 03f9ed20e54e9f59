import { useEffect, useRef, useState, type DragEvent, type ReactNode } from "react";
import { Field, type FieldProps } from "./form.tsx";
import { formMessages } from "./form-messages.ts";
import { formatBytes } from "./format.ts";
import { useMessages } from "./kit.tsx";

/** One file, chosen or dropped. */
export function FileField({
  file,
  onChange,
  accept,
  ...field
}: Omit<FieldProps, "children"> & {
  readonly file: File | undefined;
  readonly onChange: (file: File) => void;
  /** Endings, such as `.yaml,.zip`. */
  readonly accept: string;
}) {
  const t = useMessages(formMessages);
  const input = useRef<HTMLInputElement>(null);
  return (
    <Field {...field}>
      {(control) => (
        <div className="file-field">
          <input
            {...control}
            ref={input}
            className="visually-hidden"
            type="file"
            accept={accept}
            onChange={(event) => {
              const [chosen] = event.target.files ?? [];
              if (chosen) onChange(chosen);
              // The same file can be chosen again after it was changed on the disk.
              event.target.value = "";
            }}
          />
          {file ? (
            <span className="file-name">
              <code>{file.name}</code> <span className="muted number">{formatBytes(file.size)}</span>
            </span>
          ) : null}
          <button type="button" className="compact" tabIndex={-1} onClick={() => input.current?.click()}>
            {t(file ? "file.another" : "file.choose")}
          </button>
          {file ? null : <span className="muted wide-only">{t("file.drop")}</span>}
        </div>
      )}
    </Field>
  );
}

/** A part of the page onto which a file can be dropped; `label` says what happens then, while one hovers. */
export function DropTarget({
  label,
  onFile,
  children,
}: {
  readonly label: string;
  readonly onFile: (file: File) => void;
  readonly children: ReactNode;
}) {
  const [over, setOver] = useState(false);
  const holdsFile = (event: DragEvent): boolean => event.dataTransfer.types.includes("Files");
  // A drag that ends outside of the window tells nobody.
  useEffect(() => {
    if (!over) return undefined;
    const end = (event: globalThis.DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    document.addEventListener("dragleave", end);
    return () => document.removeEventListener("dragleave", end);
  }, [over]);
  return (
    <div
      className="drop-target"
      onDragEnter={(event) => holdsFile(event) && setOver(true)}
      onDragOver={(event) => {
        if (!holdsFile(event)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = "copy";
      }}
      onDrop={(event) => {
        if (!holdsFile(event)) return;
        event.preventDefault();
        setOver(false);
        const [file] = event.dataTransfer.files;
        if (file) onFile(file);
      }}
    >
      {children}
      {over ? <div className="drop-cover">{label}</div> : null}
    </div>
  );
}

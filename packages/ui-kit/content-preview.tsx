import { Suspense, useEffect, useMemo, useState } from "react";
import { contentKind, imageType } from "./content-kind.ts";
import { DataTable } from "./data-table.tsx";
import { Markdown } from "./documents.tsx";
import { ErrorPanel, Skeleton } from "./feedback.tsx";
import { formatBytes } from "./format.ts";
import { JsonTree } from "./json-tree.tsx";
import { useKit, useKitMessages } from "./kit.tsx";
import type { Requester } from "./request.ts";
import type { ContentReader, RowSource } from "./row-source.ts";
import { TextView } from "./text-view.tsx";
import { useAnswer } from "./use-answer.ts";

export interface ContentPreviewProps {
  /** Where the bytes are; the server there answers ranges. */
  readonly path: string;
  /** The file's name, whose extension tells most about it. */
  readonly name: string;
}

/** Bytes that are read to find out what a file is, and how much of each kind is loaded to show it. */
const limits = { head: 65_536, text: 4 << 20, json: 8 << 20, table: 8 << 20, image: 32 << 20 } as const;

type Content =
  | { readonly kind: "empty" }
  | { readonly kind: "binary"; readonly size: number }
  | { readonly kind: "image"; readonly bytes: Blob }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "table"; readonly rows: RowSource }
  | { readonly kind: "markdown"; readonly text: string }
  | { readonly kind: "text"; readonly text: string; readonly cut: boolean };

/** The best way to look at a file: a table, an image, a tree, a document or a text. Nothing of it is run. */
export function ContentPreview({ path, name }: ContentPreviewProps) {
  const t = useKitMessages();
  const { request } = useKit();
  const answer = useAnswer(path, (signal) => load(request, path, name, signal));
  if (answer.state === "loading") return <Skeleton rows={6} />;
  if (answer.state === "failed")
    return <ErrorPanel what={t("content.failed", { name })} error={answer.error} onRetry={answer.retry} />;
  return <Shown content={answer.value} name={name} />;
}

function Shown({ content, name }: { readonly content: Content; readonly name: string }) {
  const t = useKitMessages();
  switch (content.kind) {
    case "empty":
      return <p className="muted">{t("content.empty")}</p>;
    case "binary":
      return <p className="muted">{t("content.binary", { size: formatBytes(content.size) })}</p>;
    case "image":
      return <Picture bytes={content.bytes} name={name} />;
    case "json":
      return <JsonTree value={content.value} />;
    case "table":
      return <DataTable source={content.rows} label={name} />;
    case "markdown":
      return (
        <Suspense fallback={<Skeleton rows={4} />}>
          <Markdown text={content.text} />
        </Suspense>
      );
    case "text":
      return (
        <>
          <TextView text={content.text} label={name} />
          {content.cut ? <p className="faint">{t("content.cut", { size: formatBytes(limits.text) })}</p> : null}
        </>
      );
  }
}

function Picture({ bytes, name }: { readonly bytes: Blob; readonly name: string }) {
  const [address, setAddress] = useState<string>();
  const [size, setSize] = useState("");
  useEffect(() => {
    const url = URL.createObjectURL(bytes);
    setAddress(url);
    return () => URL.revokeObjectURL(url);
  }, [bytes]);
  return (
    <figure className="picture">
      {address === undefined ? null : (
        <img
          src={address}
          alt={name}
          onLoad={({ currentTarget: it }) => setSize(`${it.naturalWidth} × ${it.naturalHeight}`)}
        />
      )}
      <figcaption className="faint number">{size}</figcaption>
    </figure>
  );
}

async function load(request: Requester, path: string, name: string, signal: AbortSignal): Promise<Content> {
  const { bytes: head, total } = await request.bytes(path, { from: 0, to: limits.head, signal });
  if (total === 0) return { kind: "empty" };
  const kind = contentKind(head, name);
  const upTo = async (limit: number): Promise<Uint8Array<ArrayBuffer>> =>
    total <= head.length || limit <= head.length
      ? head.slice(0, limit)
      : (await request.bytes(path, { from: 0, to: Math.min(limit, total), signal })).bytes;
  const text = async (limit: number): Promise<string> => new TextDecoder().decode(await upTo(limit));
  switch (kind) {
    case "binary":
      return { kind, size: total };
    case "image": {
      const type = imageType(head);
      if (type === undefined || total > limits.image) return { kind: "binary", size: total };
      return { kind, bytes: new Blob([await upTo(total)], { type }) };
    }
    case "parquet": {
      const { parquetRows } = await import("./parquet-rows.ts");
      return { kind: "table", rows: await parquetRows(readerOf(request, path, total)) };
    }
    case "table": {
      const { csvRows } = await import("./csv-rows.ts");
      return { kind, rows: csvRows(await text(limits.table), total > limits.table) };
    }
    case "markdown":
      return { kind, text: await text(limits.text) };
    case "json": {
      const value = total > limits.json ? undefined : parseJson(await text(limits.json));
      if (value !== undefined) return { kind, value };
      break;
    }
    case "text":
  }
  return { kind: "text", text: await text(limits.text), cut: total > limits.text };
}

/** What is shown outlives the request that found it, so its later reads are not tied to that one's end. */
const readerOf = (request: Requester, path: string, size: number): ContentReader => ({
  size,
  read: async (from, to) => (await request.bytes(path, { from, to })).bytes,
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface FileEntry {
  readonly path: string;
  readonly size: number;
}

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: (FileEntry & { readonly name: string })[];
}

/** What a folder holds, folders first; a click on a file shows it. */
export function FileTree({
  files,
  selected,
  onSelect,
}: {
  readonly files: readonly FileEntry[];
  readonly selected: string;
  readonly onSelect: (path: string) => void;
}) {
  const root = useMemo(() => asFolders(files), [files]);
  return (
    <ul className="file-tree" role="tree">
      <FolderItems folder={root} path="" selected={selected} onSelect={onSelect} />
    </ul>
  );
}

function FolderItems({
  folder,
  path,
  selected,
  onSelect,
}: {
  readonly folder: Folder;
  readonly path: string;
  readonly selected: string;
  readonly onSelect: (path: string) => void;
}) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const toggle = (name: string): void => {
    const next = new Set(closed);
    if (!next.delete(name)) next.add(name);
    setClosed(next);
  };
  return (
    <>
      {[...folder.folders].map(([name, inner]) => (
        <li key={name} role="treeitem" aria-expanded={!closed.has(name)}>
          <button type="button" className="file-name" onClick={() => toggle(name)}>
            <span aria-hidden>{closed.has(name) ? "▸" : "▾"}</span> {name}/
          </button>
          {closed.has(name) ? null : (
            <ul role="group">
              <FolderItems folder={inner} path={`${path}${name}/`} selected={selected} onSelect={onSelect} />
            </ul>
          )}
        </li>
      ))}
      {folder.files.map((file) => (
        <li key={file.name} role="treeitem" aria-selected={file.path === selected}>
          <button type="button" className="file-name" onClick={() => onSelect(file.path)}>
            {file.name}
          </button>
          <span className="faint number">{formatBytes(file.size)}</span>
        </li>
      ))}
    </>
  );
}

function asFolders(files: readonly FileEntry[]): Folder {
  const root: Folder = { folders: new Map(), files: [] };
  for (const file of files) {
    const parts = file.path.split("/");
    const name = parts.pop() ?? file.path;
    let here = root;
    for (const part of parts) {
      const inner: Folder = here.folders.get(part) ?? { folders: new Map(), files: [] };
      here.folders.set(part, inner);
      here = inner;
    }
    here.files.push({ ...file, name });
  }
  return root;
}

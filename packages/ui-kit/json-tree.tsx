import { useState } from "react";
import { useKitMessages } from "./kit.tsx";

/** Entries of one object or list that are shown before somebody asks for more. */
const step = 100;

/** A JSON value that opens where one looks; what is closed does not exist, so that large ones cost nothing. */
export function JsonTree({ value }: { readonly value: unknown }) {
  return (
    <ul className="json-tree" role="tree">
      <Branch value={value} depth={0} />
    </ul>
  );
}

function Branch({ name, value, depth }: { readonly name?: string; readonly value: unknown; readonly depth: number }) {
  const t = useKitMessages();
  const isList = Array.isArray(value);
  const isOpenable = typeof value === "object" && value !== null;
  const [open, setOpen] = useState(depth < 2);
  const [shown, setShown] = useState(step);
  const label = name === undefined ? null : <span className="json-name">{name}: </span>;
  if (!isOpenable) {
    return (
      <li role="treeitem">
        {label}
        <Leaf value={value} />
      </li>
    );
  }
  const entries: readonly (readonly [string, unknown])[] = isList
    ? value.slice(0, shown).map((item: unknown, index) => [String(index), item])
    : Object.entries(value).slice(0, shown);
  const count = isList ? value.length : Object.keys(value).length;
  const [before, after] = isList ? ["[", "]"] : ["{", "}"];
  return (
    <li role="treeitem" aria-expanded={open}>
      <button type="button" className="json-toggle" onClick={() => setOpen(!open)}>
        <span aria-hidden>{open ? "▾" : "▸"}</span> {label}
        <span className="faint">
          {before}
          {open ? "" : ` ${t(isList ? "json.items" : "json.keys", { count })} ${after}`}
        </span>
      </button>
      {open ? (
        <ul role="group">
          {entries.map(([key, item]) => (
            <Branch key={key} name={key} value={item} depth={depth + 1} />
          ))}
          {count > shown ? (
            <li>
              <button type="button" className="link" onClick={() => setShown(shown + 10 * step)}>
                {t("json.more", { count: count - shown })}
              </button>
            </li>
          ) : null}
        </ul>
      ) : null}
      {open ? <span className="faint">{after}</span> : null}
    </li>
  );
}

function Leaf({ value }: { readonly value: unknown }) {
  const kind = value === null ? "null" : typeof value;
  return <span className={`json-${kind}`}>{typeof value === "string" ? JSON.stringify(value) : String(value)}</span>;
}

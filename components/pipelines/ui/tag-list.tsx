export function TagList({ tags }: { readonly tags: Readonly<Record<string, string>> }) {
  const entries = Object.entries(tags);
  if (entries.length === 0) return null;
  return (
    <span title={entries.map(([key, value]) => `${key}=${value}`).join("\n")}>
      {entries.map(([key, value]) => (
        <span className="tag" key={key}>
          <span className="faint">{key}</span> {value}
        </span>
      ))}
    </span>
  );
}

import { badRequest } from "@headrace/model";

const maxTags = 20;
const maxLength = 63;

export type Tags = Readonly<Record<string, string>>;

/** Tags as they are stored: JSON with its keys in order, so that an entry can be looked for. Throws ApiError BadRequest. */
export function storeTags(tags: Tags, place = "tags"): string {
  const entries = Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length > maxTags) throw badRequest(`${place}: there are ${entries.length}, ${maxTags} are allowed`);
  for (const [key, value] of entries) {
    if (key === "") throw badRequest(`${place}: a tag has an empty key`);
    if (key.includes("."))
      throw badRequest(`${place}: Invalid value: "${key.slice(0, maxLength)}": has a dot, which filters use`);
    if (key.length > maxLength || value.length > maxLength) {
      throw badRequest(`${place}.${key.slice(0, maxLength)}: keys and values have at most ${maxLength} characters`);
    }
  }
  return JSON.stringify(Object.fromEntries(entries));
}

export function readStoredTags(text: string): Tags {
  return JSON.parse(text);
}

import DOMPurify from "dompurify";
import { Marked } from "marked";

const parser = new Marked({ gfm: true, async: false });

/** Sanitised HTML of a Markdown text. Images and links of other origins stay links: nothing is loaded by showing it. */
export function renderMarkdown(text: string): string {
  const html = parser.parse(text, { async: false });
  return DOMPurify.sanitize(html, {
    FORBID_TAGS: [
      "style",
      "form",
      "input",
      "button",
      "iframe",
      "object",
      "embed",
      "img",
      "video",
      "audio",
      "svg",
      "math",
      "link",
    ],
    FORBID_ATTR: ["style", "class", "id"],
    ALLOW_DATA_ATTR: false,
  });
}

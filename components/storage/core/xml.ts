import { parseXml, XmlElement, XmlText } from "@rgrove/parse-xml";
import { S3Error } from "./errors.ts";

/** An element's content: text, or elements by name; a list is an element said again, undefined is one left out. */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [name: string]: XmlValue };

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
export const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>\n`;

/** A document of S3's API. */
export function renderXml(name: string, content: XmlValue): string {
  return `${xmlDeclaration}<${name} xmlns="${namespace}">${renderContent(content)}</${name}>`;
}

/** A document without a namespace, as S3's errors are. */
export function renderPlainXml(name: string, content: XmlValue): string {
  return `${xmlDeclaration}${renderElement(name, content)}`;
}

function renderElement(name: string, content: XmlValue): string {
  if (content === undefined) return "";
  if (isList(content)) return content.map((item) => renderElement(name, item)).join("");
  // An attribute may follow the name.
  return `<${name}>${renderContent(content)}</${name.split(" ")[0]}>`;
}

function renderContent(content: XmlValue): string {
  if (content === undefined) return "";
  if (isList(content)) return content.map(renderContent).join("");
  if (typeof content === "object") {
    return Object.entries(content)
      .map(([name, value]) => renderElement(name, value))
      .join("");
  }
  return escape(String(content));
}

const isList = (content: XmlValue): content is readonly XmlValue[] => Array.isArray(content);

/** Control characters as references: keys may hold them, though XML 1.0 has no place for them. */
function escape(text: string): string {
  return text.replace(/[&<>"'\p{Cc}]/gu, (character) => `&#${character.charCodeAt(0)};`);
}

/** Reads a request's document. Throws MalformedXML if it is none, or has another root. Entities of its own are not expanded. */
export function parseDocument(text: string, root: string): XmlElement {
  try {
    const document = parseXml(text);
    if (document.root?.name === root) return document.root;
  } catch (cause) {
    throw new S3Error("MalformedXML", `The request's body is no XML: expected <${root}>`, {}, { cause });
  }
  throw new S3Error("MalformedXML", `The request's body is not the expected document: its root must be <${root}>`);
}

export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child): child is XmlElement => child instanceof XmlElement && child.name === name);
}

/** The text of a child; undefined if there is no such child. */
export function childText(element: XmlElement, name: string): string | undefined {
  const [child] = childrenOf(element, name);
  return child?.children.map((node) => (node instanceof XmlText ? node.text : "")).join("");
}

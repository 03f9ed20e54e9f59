import type { AuthenticationRequest } from "@headrace/model";

/** What a server is called by those who mean it: no page of the world can have such a name, or DNS rebinding would lead here. */
export interface OwnNames {
  /** `name` is in lower case, without a port. */
  has(name: string): boolean;
  /** As in "is no …". */
  readonly kind: string;
}

/**
 * Why the headers show that somebody else than who holds the connection is behind the request: a page that a browser of theirs shows.
 * Undefined if they do not.
 */
export function foreignSite(headers: AuthenticationRequest["headers"], own: OwnNames): string | undefined {
  const host = headers["host"] ?? "";
  if (!own.has(hostName(host))) return `the request's Host ${JSON.stringify(host)} is no ${own.kind}`;
  const origin = headers["origin"];
  if (origin !== undefined) {
    if (origin === `http://${host}` || origin === `https://${host}`) return undefined;
    return `the request was made by a page of another site (Origin ${JSON.stringify(origin)})`;
  }
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return undefined;
  // A link that the user followed from elsewhere: the browser shows the page and the other site learns nothing.
  const isNavigation = headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
  return isNavigation ? undefined : `the request was made by a page of another site (Sec-Fetch-Site ${site})`;
}

function hostName(host: string): string {
  return host
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
}

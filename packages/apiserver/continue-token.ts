import { badRequest } from "@headrace/model";

/** Where the next page begins: after this key, in the state as of this revision. */
export interface Continuation {
  readonly revision: number;
  readonly namespace: string;
  readonly name: string;
}

export function encodeContinuation({ revision, namespace, name }: Continuation): string {
  const text = JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start: `${namespace}/${name}` });
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Throws BadRequest for a token that this server did not make. */
export function decodeContinuation(token: string): Continuation {
  try {
    const { rv, start } = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(token, { alphabet: "base64url" })),
    ) as { rv: unknown; start: unknown };
    if (typeof rv === "number" && Number.isSafeInteger(rv) && typeof start === "string") {
      const slash = start.indexOf("/");
      if (slash >= 0) return { revision: rv, namespace: start.slice(0, slash), name: start.slice(slash + 1) };
    }
  } catch (cause) {
    throw badRequest("continue key is not valid: it is not a token of this server", { cause });
  }
  throw badRequest("continue key is not valid: it is not a token of this server");
}

import { createSign } from "node:crypto";
import type { Clock } from "@headrace/model";
import { AwsV4Signer } from "aws4fetch";
import { RemoteError } from "../errors.ts";
import type { Transport, TransportRequest } from "./transport.ts";

/** Makes a request one that the store takes. Called for each try, as signatures have a time. */
export type Sign = (
  request: Required<Pick<TransportRequest, "method" | "url" | "headers">> & { readonly bodyHash: string },
) => Promise<{
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}>;

export interface KeyPair {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** AWS Signature Version 4. */
export function signWithKey(key: () => Promise<KeyPair>, region: string, clock: Clock): Sign {
  return async ({ method, url, headers, bodyHash }) => {
    const { accessKey, secretKey } = await key();
    const signer = new AwsV4Signer({
      method,
      url: url.href,
      headers: { ...headers, "x-amz-content-sha256": bodyHash },
      accessKeyId: accessKey,
      secretAccessKey: secretKey,
      service: "s3",
      region,
      datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
      allHeaders: true,
    });
    const signed = await signer.sign();
    return { url: signed.url, headers: Object.fromEntries(signed.headers) };
  };
}

/** The fields of a Google service account's key file that are used here. */
interface ServiceAccount {
  readonly client_email: string;
  readonly private_key: string;
  readonly token_uri?: string;
}

const googleTokens = "https://oauth2.googleapis.com/token";
const scope = "https://www.googleapis.com/auth/devstorage.read_write";
/** A token is fetched anew so long before it ends. */
const marginMs = 60_000;

/** A bearer token for a Google service account (RFC 7523), kept as long as it is good. */
export function signWithServiceAccount(keyFile: () => Promise<string>, transport: Transport, clock: Clock): Sign {
  let known: { readonly token: string; readonly until: number } | undefined;

  async function fetchToken(): Promise<string> {
    const account = readAccount(await keyFile());
    const url = new URL(account.token_uri ?? googleTokens);
    const now = Math.floor(clock.now() / 1000);
    const claims = { iss: account.client_email, scope, aud: url.href, iat: now, exp: now + 3600 };
    const unsigned = [{ alg: "RS256", typ: "JWT" }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const signature = createSign("RSA-SHA256").update(unsigned).sign(account.private_key, "base64url");
    const grant = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: `${unsigned}.${signature}`,
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const reply = await transport.send({ method: "POST", url, headers, body: Buffer.from(grant.toString()) });
    const answer = await reply.text();
    if (reply.status !== 200) throw new RemoteError(url.host, "no token for the service account", reply.status);
    const { access_token, expires_in } = JSON.parse(answer) as { access_token: string; expires_in: number };
    known = { token: access_token, until: clock.now() + expires_in * 1000 - marginMs };
    return access_token;
  }

  return async ({ url, headers }) => {
    const token = known && known.until > clock.now() ? known.token : await fetchToken();
    return { url, headers: { ...headers, authorization: `Bearer ${token}` } };
  };
}

function readAccount(text: string): ServiceAccount {
  const account = JSON.parse(text) as Partial<ServiceAccount>;
  if (typeof account.client_email === "string" && typeof account.private_key === "string") {
    return {
      client_email: account.client_email,
      private_key: account.private_key,
      ...(account.token_uri !== undefined && { token_uri: account.token_uri }),
    };
  }
  throw new RemoteError("Google", "the secret holds no service account's key file (client_email and private_key)", 0);
}

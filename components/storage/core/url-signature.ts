import { createHmac } from "node:crypto";
import { S3Error } from "./errors.ts";
import { type Claim, isSame, type Signable } from "./signature.ts";

/** Query parameters that are part of what is signed. */
const signedParameters = new Set([
  ..."acl,cors,delete,lifecycle,location,logging,notification,partNumber,policy,requestPayment,restore,tagging,torrent".split(
    ",",
  ),
  ..."uploadId,uploads,versionId,versioning,versions,website".split(","),
  ..."response-cache-control,response-content-disposition,response-content-encoding".split(","),
  ..."response-content-language,response-content-type,response-expires".split(","),
]);

/**
 * The claim of a presigned URL of AWS Signature Version 2: boto3 still makes them where nobody asks for another. Of requests with
 * signed headers only Version 4 is taken. `bucket` if the host names it. Undefined if the URL is none.
 */
export function readUrlClaim(request: Signable, bucket: string | undefined): Claim | undefined {
  const { query } = request;
  const accessKey = query.get("AWSAccessKeyId");
  if (accessKey === null) return undefined;
  const expires = Number(query.get("Expires"));
  return {
    accessKey,
    isPresigned: true,
    isSignedBy: (secret) => isSame(signatureOf(secret, request, bucket), query.get("Signature") ?? ""),
    check(now) {
      if (!(now <= expires * 1000)) throw new S3Error("AccessDenied", "Request has expired");
    },
    chunkSigner() {
      throw new S3Error("InvalidRequest", "A presigned URL of Signature Version 2 signs no chunks");
    },
  };
}

function signatureOf(secret: string, { method, path, query, headers }: Signable, bucket: string | undefined): string {
  const amz = Object.entries(headers)
    .filter(([name]) => name.startsWith("x-amz-"))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value.trim()}\n`);
  const parameters = [...query]
    .filter(([name]) => signedParameters.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === "" ? name : `${name}=${value}`));
  const resource = `${bucket === undefined ? "" : `/${bucket}`}${path}${parameters.length > 0 ? `?${parameters.join("&")}` : ""}`;
  const text = [method, headers["content-md5"] ?? "", headers["content-type"] ?? "", query.get("Expires") ?? ""].join(
    "\n",
  );
  return createHmac("sha1", secret)
    .update(`${text}\n${amz.join("")}${resource}`)
    .digest("base64");
}

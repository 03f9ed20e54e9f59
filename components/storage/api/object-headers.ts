import { S3Error } from "../core/errors.ts";

type Headers = Readonly<Record<string, string>>;

/** Headers that are kept with an object and come back with it. */
const kept = [
  "content-type",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "expires",
];
const metadataPrefix = "x-amz-meta-";
/** Names and values together, as in S3. */
const metadataLimit = 2048;

/** What a client wants to be kept with an object. Throws for what is asked and would not be done. */
export function objectHeaders(headers: Headers): Record<string, string> {
  refuseUnkept(headers);
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith(metadataPrefix));
  const size = metadata.reduce((sum, [name, value]) => sum + name.length - metadataPrefix.length + value.length, 0);
  if (size > metadataLimit) {
    throw new S3Error("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", {
      Size: String(size),
      MaxSizeAllowed: String(metadataLimit),
    });
  }
  const standard = kept.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]] as const]));
  const described = Object.fromEntries([...standard, ...metadata]);
  return withoutChunking(described);
}

/** `aws-chunked` says how the body came, not what the object is. */
function withoutChunking(headers: Record<string, string>): Record<string, string> {
  const { "content-encoding": encoding, ...rest } = headers;
  const left = (encoding ?? "")
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "" && each !== "aws-chunked")
    .join(", ");
  return left === "" ? rest : { ...rest, "content-encoding": left };
}

const privateLists = new Set(["private", "bucket-owner-full-control", "bucket-owner-read"]);

function refuseUnkept(headers: Headers): void {
  const list = headers["x-amz-acl"];
  if (list !== undefined && !privateLists.has(list)) {
    throw new S3Error(
      "AccessControlListNotSupported",
      `Objects belong to their namespace; x-amz-acl "${list}" is not kept`,
    );
  }
  const storageClass = headers["x-amz-storage-class"];
  if (storageClass !== undefined && storageClass !== "STANDARD") {
    throw new S3Error("InvalidStorageClass", `The storage class "${storageClass}" is not kept; there is STANDARD`);
  }
  const refused = Object.keys(headers).find((name) =>
    /^x-amz-(server-side-encryption|tagging$|object-lock-|website-redirect-location$|grant-|write-offset-bytes$)/.test(
      name,
    ),
  );
  if (refused !== undefined) {
    throw new S3Error("NotImplemented", `The header ${refused} asks for what this server does not do`, {
      Header: refused,
    });
  }
}

const overrides: Readonly<Record<string, string>> = {
  "response-content-type": "content-type",
  "response-content-language": "content-language",
  "response-expires": "expires",
  "response-cache-control": "cache-control",
  "response-content-disposition": "content-disposition",
  "response-content-encoding": "content-encoding",
};

/** Headers that the query of a signed request sets in place of the object's own. */
export function overriddenHeaders(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    Object.entries(overrides).flatMap(([parameter, header]) => {
      const value = query.get(parameter);
      return value === null || /[\r\n]/.test(value) ? [] : [[header, value]];
    }),
  );
}

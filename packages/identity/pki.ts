import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "@headrace/model";
import { issueCertificate } from "./certificate.ts";
import { KeyFileError } from "./errors.ts";
import { readPrivateFile, writePrivateFile } from "./private-files.ts";

const day = 86_400_000;
const authorityName = "headrace-ca";
/** Names under which the API server is known inside pods. */
const clusterNames = [
  "localhost",
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
  "127.0.0.1",
  "::1",
];

export interface Pki {
  /** The authority's certificate, PEM: what clients trust. */
  readonly ca: string;
  readonly server: { readonly certificate: string; readonly key: string };
}

/**
 * The certificate authority of a data directory and the certificate of its API server, made on first use and kept in `pki/`
 * (0600). The server's is renewed when it has less than 30 days left or lacks one of `hosts`.
 */
export async function openPki(directory: string, clock: Clock, hosts: readonly string[]): Promise<Pki> {
  const authority = await openAuthority(directory, clock);
  const names = [...new Set([...clusterNames, ...hosts])];
  const certificatePath = join(directory, "server.crt");
  const keyPath = join(directory, "server.key");
  const [certificate, key] = await Promise.all([readPrivateFile(certificatePath), readPrivateFile(keyPath)]);
  if (certificate && key && serves(certificate, key, names, authority, clock)) {
    return { ca: authority.certificate, server: { certificate, key } };
  }
  const server = issueServer(names, authority, clock);
  await writePrivateFile(keyPath, server.key);
  await writePrivateFile(certificatePath, server.certificate);
  return { ca: authority.certificate, server };
}

interface Authority {
  readonly certificate: string;
  readonly key: KeyObject;
}

async function openAuthority(directory: string, clock: Clock): Promise<Authority> {
  const certificatePath = join(directory, "ca.crt");
  const keyPath = join(directory, "ca.key");
  const [certificate, keyText] = await Promise.all([readPrivateFile(certificatePath), readPrivateFile(keyPath)]);
  if (keyText !== undefined) {
    const key = parseKey(keyPath, keyText);
    if (certificate !== undefined) return { certificate: matching(certificatePath, certificate, key), key };
    // A crash between the two files: the key is enough.
    return writeAuthority(certificatePath, key, clock);
  }
  if (certificate !== undefined) throw new KeyFileError(keyPath, "it is missing while ca.crt is there");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writePrivateFile(keyPath, exportKey(privateKey));
  return writeAuthority(certificatePath, privateKey, clock);
}

async function writeAuthority(path: string, key: KeyObject, clock: Clock): Promise<Authority> {
  const certificate = issueCertificate(
    {
      name: authorityName,
      publicKey: createPublicKey(key),
      notBefore: clock.now() - day,
      notAfter: clock.now() + 3650 * day,
      use: "authority",
    },
    { name: authorityName, key },
  );
  await writePrivateFile(path, certificate);
  return { certificate, key };
}

function issueServer(names: readonly string[], authority: Authority, clock: Clock): Pki["server"] {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const certificate = issueCertificate(
    {
      name: "headrace-apiserver",
      publicKey,
      notBefore: clock.now() - day,
      notAfter: clock.now() + 365 * day,
      use: { serves: names },
    },
    { name: authorityName, key: authority.key },
  );
  return { certificate, key: exportKey(privateKey) };
}

function serves(
  certificate: string,
  key: string,
  names: readonly string[],
  authority: Authority,
  clock: Clock,
): boolean {
  try {
    const parsed = new X509Certificate(certificate);
    const known = (name: string) =>
      name.includes(":") || /^[\d.]+$/.test(name) ? parsed.checkIP(name) : parsed.checkHost(name);
    return (
      parsed.checkPrivateKey(createPrivateKey(key)) &&
      parsed.verify(createPublicKey(authority.key)) &&
      Date.parse(parsed.validTo) - clock.now() > 30 * day &&
      names.every((name) => known(name) !== undefined)
    );
  } catch {
    return false;
  }
}

function matching(path: string, certificate: string, key: KeyObject): string {
  let matches = false;
  try {
    matches = new X509Certificate(certificate).checkPrivateKey(key);
  } catch (error) {
    throw new KeyFileError(path, "it holds no certificate", { cause: error });
  }
  if (!matches) throw new KeyFileError(path, "it does not belong to ca.key");
  return certificate;
}

function parseKey(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new KeyFileError(path, "it holds no private key", { cause: error });
  }
}

function exportKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

import { createHash, createPublicKey, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import * as der from "./der.ts";

const oids = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
};

export interface Issuer {
  readonly name: string;
  /** EC P-256. */
  readonly key: KeyObject;
}

export interface CertificateRequest {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
  /** What it is for: to sign others, or to serve these DNS names and addresses. */
  readonly use: "authority" | { readonly serves: readonly string[] };
}

/** An X.509 v3 certificate (RFC 5280) in PEM, signed by the issuer, strict enough for OpenSSL's `-x509_strict`. */
export function issueCertificate(request: CertificateRequest, issuer: Issuer): string {
  const algorithm = der.sequence(der.objectIdentifier(oids.ecdsaWithSha256));
  const toBeSigned = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(randomSerial()),
    algorithm,
    distinguishedName(issuer.name),
    der.sequence(der.time(request.notBefore), der.time(request.notAfter)),
    distinguishedName(request.name),
    request.publicKey.export({ type: "spki", format: "der" }),
    der.explicit(3, der.sequence(...extensions(request, issuer))),
  );
  const signature = sign("sha256", toBeSigned, issuer.key);
  return toPem(der.sequence(toBeSigned, algorithm, der.bitString(signature)));
}

function extensions(request: CertificateRequest, issuer: Issuer): readonly Uint8Array[] {
  const ownKey = keyIdentifier(request.publicKey);
  const issuersKey = keyIdentifier(createPublicKey(issuer.key));
  const shared = [
    extension(oids.subjectKeyIdentifier, der.octetString(ownKey)),
    extension(oids.authorityKeyIdentifier, der.sequence(der.implicit(0, issuersKey))),
  ];
  if (request.use === "authority") {
    return [
      ...shared,
      critical(oids.basicConstraints, der.sequence(der.boolean(true))),
      // keyCertSign and cRLSign
      critical(oids.keyUsage, der.bitString(Uint8Array.of(0b0000_0110), 1)),
    ];
  }
  return [
    ...shared,
    critical(oids.basicConstraints, der.sequence()),
    // digitalSignature
    critical(oids.keyUsage, der.bitString(Uint8Array.of(0b1000_0000), 7)),
    extension(oids.extendedKeyUsage, der.sequence(der.objectIdentifier(oids.serverAuth))),
    extension(oids.subjectAltName, der.sequence(...request.use.serves.map(alternativeName))),
  ];
}

const extension = (oid: string, value: Uint8Array): Uint8Array =>
  der.sequence(der.objectIdentifier(oid), der.octetString(value));

const critical = (oid: string, value: Uint8Array): Uint8Array =>
  der.sequence(der.objectIdentifier(oid), der.boolean(true), der.octetString(value));

function distinguishedName(commonName: string): Uint8Array {
  const attribute = (oid: string, text: string) =>
    der.set(der.sequence(der.objectIdentifier(oid), der.utf8String(text)));
  return der.sequence(attribute(oids.organization, "Headrace"), attribute(oids.commonName, commonName));
}

function alternativeName(name: string): Uint8Array {
  return isIP(name) ? der.implicit(7, addressOctets(name)) : der.implicit(2, Buffer.from(name, "ascii"));
}

function addressOctets(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return Uint8Array.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}

/** SHA-1 of the key's bits, as RFC 5280 suggests: a name, not a protection. */
function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const spki = publicKey.export({ type: "spki", format: "der" });
  // The last 65 octets of a P-256 key are its uncompressed point.
  return createHash("sha1").update(spki.subarray(-65)).digest();
}

function randomSerial(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function toPem(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { StoreUnavailable } from "./errors.ts";

/** Which objects are encrypted on disk, and with what. */
export interface SealedResources {
  /** Such as `secrets`. Objects written before a resource was named here are read as they are, and sealed at their next write. */
  readonly resources: readonly string[];
  /** 32 bytes, for AES-256-GCM. */
  readonly key: Uint8Array;
}

export interface Seal {
  /** What goes to disk for this object: sealed, or as it is. */
  close(resource: string, bytes: Uint8Array): Uint8Array;
  /** Throws StoreUnavailable for what another key sealed, or what was changed on disk. */
  open(resource: string, bytes: Uint8Array): Uint8Array;
}

/** The first byte of what is sealed; JSON begins with a brace. */
const mark = 1;
const ivLength = 12;
const tagLength = 16;

export function createSeal(sealed: SealedResources | undefined): Seal {
  const resources = new Set(sealed?.resources);
  const key = sealed?.key;

  return {
    close(resource, bytes) {
      if (key === undefined || !resources.has(resource)) return bytes;
      const iv = randomBytes(ivLength);
      const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(resource));
      const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
      return Buffer.concat([Uint8Array.of(mark), iv, cipher.getAuthTag(), body]);
    },
    open(resource, bytes) {
      if (bytes[0] !== mark) return bytes;
      if (key === undefined)
        throw new StoreUnavailable(`Cannot read ${resource}: they are encrypted and no key was given`);
      try {
        const [iv, tag, body] = [
          bytes.subarray(1, 1 + ivLength),
          bytes.subarray(1 + ivLength, 1 + ivLength + tagLength),
          bytes.subarray(1 + ivLength + tagLength),
        ];
        const decipher = createDecipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(resource)).setAuthTag(tag);
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch (cause) {
        throw new StoreUnavailable(
          `Cannot read ${resource}: they are encrypted with another key, or were changed on disk`,
          { cause },
        );
      }
    },
  };
}

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { readBeginning } from "./beginning.ts";

/** The PROXY protocol, version 2: 12 bytes by which it is known, then version and command; family and length stand in the head too. */
const beginning = Buffer.from("\r\n\r\n\0\r\nQUIT\n\x21", "latin1");
const headBytes = 16;
const longest = 1024;
/** What follows the head for TCP over IPv4: two addresses, two ports, then fields of type, length and content. */
const tcpOverIpv4 = 0x11;
const addressesBytes = 12;
/** Of the types that are anybody's: in whose network the connection began. The relay writes it (`ServiceAddress.introduces`). */
const groupType = 0xe0;

const introducedAs = Symbol("the pod that a connection is introduced as");

/**
 * Takes the introduction that every connection from the relay begins with, then calls `next`: nothing of it is left for whoever reads on,
 * and `introducedPod` knows it. A connection that begins otherwise is cut: it did not come from the relay.
 */
export function takeIntroduction(socket: Socket, patienceMs: number, next: () => void): void {
  let head: Buffer | undefined;
  readBeginning(socket, patienceMs, () => {
    head ??= read(socket, headBytes);
    if (head === undefined) return undefined;
    const length = lengthAfter(head);
    if (length === undefined) return () => socket.destroy();
    const content = read(socket, length);
    if (content === undefined) return undefined;
    if (content.length < length) return () => socket.destroy();
    Object.defineProperty(socket, introducedAs, { value: groupIn(content) });
    return next;
  });
}

/** The pod whose connection this is; undefined for one that was introduced as no pod's, or not at all. HTTP/2's stand-ins will do. */
export function introducedPod(socket: Duplex): string | undefined {
  const pod: unknown = Reflect.get(socket, introducedAs);
  return typeof pod === "string" ? pod : undefined;
}

function read(socket: Socket, bytes: number): Buffer | undefined {
  const read: Buffer | null = socket.read(bytes);
  return read ?? undefined;
}

function lengthAfter(head: Buffer): number | undefined {
  const isOurs =
    head.length === headBytes &&
    head.subarray(0, beginning.length).equals(beginning) &&
    head[beginning.length] === tcpOverIpv4;
  const length = isOurs ? head.readUInt16BE(headBytes - 2) : 0;
  return length >= addressesBytes && length <= longest ? length : undefined;
}

function groupIn(content: Buffer): string | undefined {
  for (let at = addressesBytes; at + 3 <= content.length;) {
    const end = at + 3 + content.readUInt16BE(at + 1);
    if (content[at] === groupType && end <= content.length) return content.toString("latin1", at + 3, end);
    at = end;
  }
  return undefined;
}

import { readFile } from "node:fs/promises";

/** The two ends of a connection as the server sees them. */
export interface Connection {
  readonly address: string;
  readonly port: number;
  readonly localPort: number;
}

/**
 * Who owns the other end of a connection of this machine: a user's id; `"nobody"` when no process holds it open any more, so
 * that nobody vouches for it; `"unknown"` where the system cannot tell.
 */
export type PeerOwner = number | "nobody" | "unknown";

export type ReadTable = (file: "/proc/net/tcp" | "/proc/net/tcp6") => Promise<string | undefined>;

/** Looks a loopback connection up in the kernel's tables (Linux). Elsewhere the answer is `"unknown"`. */
export async function findPeerOwner(
  connection: Connection,
  readTable: ReadTable = readKernelTable,
): Promise<PeerOwner> {
  const tables = await Promise.all([readTable("/proc/net/tcp"), readTable("/proc/net/tcp6")]);
  const rows = tables.flatMap((table) => (table === undefined ? [] : parseRows(table)));
  const theirs = rows.find((row) => row.port === connection.port && row.otherPort === connection.localPort);
  if (theirs) return theirs.isHeld ? theirs.uid : "nobody";
  // Our own end must be there; if it is not, this table is not that of our network.
  const ours = rows.some((row) => row.port === connection.localPort && row.otherPort === connection.port);
  return ours ? "nobody" : "unknown";
}

interface Row {
  readonly port: number;
  readonly otherPort: number;
  readonly uid: number;
  /** A closed socket lives on in the kernel without an inode, and then seems to be root's. */
  readonly isHeld: boolean;
}

/** Columns of proc(5): slot, local address, remote address, state, queues, timer, retransmits, uid, timeout, inode. */
function parseRows(table: string): readonly Row[] {
  const rows: Row[] = [];
  for (const line of table.split("\n").slice(1)) {
    const columns = line.trim().split(/\s+/);
    const [, local = "", remote = "", , , , , uid = "", , inode = "0"] = columns;
    if (!isLoopback(local) || !isLoopback(remote)) continue;
    rows.push({ port: portOf(local), otherPort: portOf(remote), uid: Number(uid), isHeld: inode !== "0" });
  }
  return rows;
}

/** Addresses stand in groups of four octets in the machine's order: 127.0.0.1 is 0100007F. Big-endian machines are "unknown". */
function isLoopback(endpoint: string): boolean {
  const address = endpoint.slice(0, endpoint.indexOf(":"));
  return (
    /^.{6}7F$/.test(address) || address === "00000000000000000000000001000000" || /^0{16}FFFF0000.{6}7F$/.test(address)
  );
}

function portOf(endpoint: string): number {
  return Number.parseInt(endpoint.slice(endpoint.indexOf(":") + 1), 16);
}

const readKernelTable: ReadTable = async (file) => {
  try {
    return await readFile(file, "utf8");
  } catch {
    return undefined;
  }
};

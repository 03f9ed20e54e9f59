import { listen, PortTakenError, type Address, type Listening } from "@headrace/gateway";
import { anonymousUser, type Clock, type Handler } from "@headrace/model";

export interface StorageListenerOptions {
  readonly handle: Handler;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** A request of S3's brings five GiB at most, with some bytes between its chunks, over whatever line the client has. */
const largestRequest = 6 * 2 ** 30;
const longestRequestMs = 6 * 3_600_000;

/** Listens for S3 clients. Who calls is said by the signature of each request, so nobody is taken for the local user here. */
export function listenForStorage(options: StorageListenerOptions, address: Address): Promise<Listening> {
  return listen({
    ...options,
    ...address,
    freesBodies: true,
    authenticator: { authenticate: async () => anonymousUser },
    maxBodyBytes: largestRequest,
    requestTimeoutMs: longestRequestMs,
  });
}

/** Clients expect it there. */
const usualPort = 9000;

/** On this machine alone: at the port asked for, else at the usual one or, where that is taken, at a free one. */
export async function listenForLocalStorage(
  options: StorageListenerOptions,
  port: number | undefined,
): Promise<Listening> {
  const host = "127.0.0.1";
  try {
    return await listenForStorage(options, { host, port: port ?? usualPort });
  } catch (error) {
    if (port !== undefined || !(error instanceof PortTakenError)) throw error;
    return listenForStorage(options, { host, port: 0 });
  }
}

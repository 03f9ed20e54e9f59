import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { packaging } from "./fresh.ts";
import { pythonWith } from "./python.ts";

/** An S3 server that is not ours, in memory; it takes any key. Disposing ends it. */
export interface S3Server extends AsyncDisposable {
  /** `127.0.0.1:5000` */
  readonly host: string;
}

const program = `
from moto.server import ThreadedMotoServer
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
`;

/** Starts moto. Rejects if it cannot be installed here. */
export async function startS3Server(): Promise<S3Server> {
  const python = await pythonWith("moto[s3,server]==5.2.5");
  const child = spawn(python, ["-W", "ignore", "-c", program], {
    env: { PATH: packaging["PATH"] ?? "" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const closed = once(child, "close");
  const [host] = await once(createInterface({ input: child.stdout }), "line");
  return {
    host: String(host),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

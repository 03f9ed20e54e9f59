/** The least that a file server can do in Node: PUT writes and syncs a file, GET sends it. Prints its port. argv: the folder. */
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const folder = process.argv[2] ?? ".";

const server = createServer((request, response) => {
  const path = join(folder, "object");
  const answer = async (): Promise<void> => {
    if (request.method === "PUT") {
      await using file = await open(path, "w");
      for await (const chunk of request) await file.writeFile(chunk as Buffer);
      await file.sync();
      response.end();
    } else {
      response.setHeader("content-length", (await stat(path)).size);
      createReadStream(path).pipe(response);
    }
  };
  answer().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" && address !== null ? address.port : 0);
});

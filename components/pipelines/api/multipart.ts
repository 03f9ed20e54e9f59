import { Busboy } from "@fastify/busboy";
import { type ApiRequest, badRequest, readBody } from "@headrace/model";
import { bodyLimit } from "./context.ts";

const partName = "uploadfile";

export interface Upload {
  readonly filename: string;
  readonly content: Buffer;
}

/** The file of a form, in its part `uploadfile`. Everything else in the form is passed over; there may not be much of it. */
export async function readUpload(request: ApiRequest): Promise<Upload> {
  const type = request.headers["content-type"] ?? "";
  if (!/^multipart\/form-data\b/i.test(type)) {
    throw badRequest(
      `Cannot read the upload: expected multipart/form-data with a file in the part "${partName}", got "${type}"`,
    );
  }
  const body = await readBody(request, bodyLimit);
  const { promise, resolve, reject } = Promise.withResolvers<Upload | undefined>();
  const broken = (cause: unknown) =>
    reject(
      badRequest(`Cannot read the upload: the form is malformed: ${cause instanceof Error ? cause.message : ""}`, {
        cause,
      }),
    );
  try {
    let upload: Upload | undefined;
    const form = new Busboy({
      headers: { "content-type": type },
      limits: { parts: 20, fields: 16, files: 4, fieldSize: 64 * 1024, headerPairs: 32 },
    });
    form.on("file", (name, file, filename) => {
      const chunks: Buffer[] = [];
      const wanted = name === partName && upload === undefined;
      file.on("data", (chunk: Buffer) => wanted && chunks.push(chunk));
      file.on("error", broken);
      file.on("end", () => {
        if (wanted) upload = { filename, content: Buffer.concat(chunks) };
      });
    });
    form.on("error", broken);
    form.on("finish", () => resolve(upload));
    form.end(body);
  } catch (cause) {
    broken(cause);
  }
  const upload = await promise;
  if (!upload) throw badRequest(`Cannot read the upload: the form has no file in the part "${partName}"`);
  return upload;
}

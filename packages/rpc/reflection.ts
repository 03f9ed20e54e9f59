import { type DescFile, type FileRegistry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { defineMessage, s, type TypeOf } from "@headrace/model";
import { service, stream, type RpcService } from "./service.ts";

/**
 * Reflection, by which `grpcurl` and its like find out what is served, under both of its names. `described` answers what was built
 * from the declarations once everything is declared, this included.
 */
export function reflectionServices(
  names: readonly string[],
  described: () => readonly FileRegistry[],
): readonly RpcService[] {
  return ["grpc.reflection.v1", "grpc.reflection.v1alpha"].map((name) => reflection(name, names, described));
}

const notFound = 5;
const unimplemented = 12;

function messagesOf(name: string) {
  const request = defineMessage(
    `${name}.ServerReflectionRequest`,
    {
      host: s.at(1, s.string()),
      file_by_filename: s.at(3, s.string()),
      file_containing_symbol: s.at(4, s.string()),
      list_services: s.at(7, s.string()),
    },
    { oneof: ["file_by_filename", "file_containing_symbol", "list_services"] },
  );
  const response = defineMessage(
    `${name}.ServerReflectionResponse`,
    {
      valid_host: s.at(1, s.string()),
      original_request: s.at(2, request),
      file_descriptor_response: s.at(
        4,
        defineMessage(`${name}.FileDescriptorResponse`, { file_descriptor_proto: s.at(1, s.list(s.bytes())) }),
      ),
      list_services_response: s.at(
        6,
        defineMessage(`${name}.ListServiceResponse`, {
          service: s.at(1, s.list(defineMessage(`${name}.ServiceResponse`, { name: s.at(1, s.string()) }))),
        }),
      ),
      error_response: s.at(
        7,
        defineMessage(`${name}.ErrorResponse`, {
          error_code: s.at(1, s.integer()),
          error_message: s.at(2, s.string()),
        }),
      ),
    },
    { oneof: ["file_descriptor_response", "list_services_response", "error_response"] },
  );
  return { request, response };
}

type Request = TypeOf<ReturnType<typeof messagesOf>["request"]>;
type Response = TypeOf<ReturnType<typeof messagesOf>["response"]>;

function reflection(name: string, names: readonly string[], described: () => readonly FileRegistry[]): RpcService {
  const { request, response } = messagesOf(name);
  const info = stream(request, response, async function* (requests) {
    for await (const asked of requests) {
      yield { valid_host: asked.host ?? "", original_request: asked, ...answer(asked, names, described()) };
    }
  });
  return service(`${name}.ServerReflection`, { ServerReflectionInfo: info }, () => true);
}

function answer(asked: Request, names: readonly string[], registries: readonly FileRegistry[]): Response {
  if (asked.list_services !== undefined) {
    return { list_services_response: { service: names.toSorted().map((name) => ({ name })) } };
  }
  const wanted = asked.file_by_filename ?? asked.file_containing_symbol;
  if (wanted === undefined) return failure(unimplemented, "only files, symbols and services can be asked for");
  for (const registry of registries) {
    const file =
      asked.file_by_filename === undefined ? fileOfSymbol(registry, wanted) : registry.getFile(nameOf(wanted));
    if (file) return { file_descriptor_response: { file_descriptor_proto: filesOf(file).map(bytesOf) } };
  }
  return failure(notFound, `${wanted} is not known here`);
}

const failure = (error_code: number, error_message: string): Response => ({
  error_response: { error_code, error_message },
});

const nameOf = (file: string): string => file.replace(/\.proto$/, "");

/** A service, one of its methods, a message or an enum. */
function fileOfSymbol(registry: FileRegistry, symbol: string): DescFile | undefined {
  return (registry.get(symbol) ?? registry.getService(symbol.slice(0, Math.max(symbol.lastIndexOf("."), 0))))?.file;
}

/** A file and all that it imports, so that a client need not ask for each. */
function filesOf(file: DescFile): readonly DescFile[] {
  return [...new Set([file, ...file.dependencies.flatMap(filesOf)])];
}

const bytesOf = ({ proto }: DescFile): string => toBinary(FileDescriptorProtoSchema, proto).toBase64();

import { ApiError, type Route } from "@headrace/model";
import { type ApiContext, routeMaker } from "./context.ts";

const earlier = "/apis/v1beta1";
const faces = ["/apis/v2beta1", earlier, "/apis/v1alpha1"];
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** What KFP's front says, in its own form, where it serves nothing: 405 for a method that a path does not take, 404 for other paths. */
export function refusals(context: ApiContext, served: readonly Route[]): readonly Route[] {
  const route = routeMaker(context);
  const refusal = (method: string, pattern: string, say: (path: string) => ApiError): Route => ({
    ...route(method, pattern, async (_, { path }) => {
      throw say(path);
    }),
    reads: true,
    refuses: true,
  });
  const own = served.filter(({ pattern }) => faces.some((face) => pattern.startsWith(`${face}/`)));
  const paths = Map.groupBy(own, ({ pattern }) => pattern.replaceAll(/\{\w+/g, "{_"));
  const wrongMethods = [...paths].flatMap(([pattern, routes]) => {
    const taken = routes.map(({ method }) => method);
    const others = methods.filter((method) => !taken.includes(method));
    return others.map((method) =>
      refusal(
        method,
        pattern,
        (path) =>
          new ApiError(
            "MethodNotAllowed",
            `Cannot ${method} ${path}: it takes ${taken.join(", ")}${hint(method, path)}`,
          ),
      ),
    );
  });
  const nowhere = faces.flatMap((face) =>
    methods.map((method) =>
      refusal(
        method,
        `${face}/{path...}`,
        (path) => new ApiError("NotFound", `Cannot ${method} ${path}: nothing is served there${hint(method, path)}`),
      ),
    ),
  );
  return [...wrongMethods, ...nowhere];
}

const hint = (method: string, path: string): string =>
  path.includes(`${earlier}/`) && method !== "GET" && method !== "OPTIONS"
    ? "; v1beta1 is there to be read, write by v2beta1"
    : "";

import { openUsers, type UserTokens } from "@headrace/identity";
import { badRequest, type ApiResponse, readBody, type Route, systemClock } from "@headrace/model";
import { openHome } from "./home.ts";

const pattern = "/apis/headrace.io/v1/users/{user}/tokens";
const bodyLimit = 64 << 10;

/** `POST …/users/{user}/tokens` issues a token, which is told once; `DELETE` makes all of the user's worthless. For administrators. */
export function userTokenRoutes(users: UserTokens): readonly Route[] {
  const access =
    (verb: string): Exclude<Route["access"], string> =>
    ({ user = "" }) => ({ verb, group: "headrace.io", resource: "users/token", namespace: "", name: user });
  return [
    {
      method: "POST",
      pattern,
      access: access("create"),
      async handle(request, { user = "" }) {
        const groups = readGroups(await readBody(request, bodyLimit));
        const token = await asked(() => users.issue(user, groups));
        return answer({ user, groups, token });
      },
    },
    {
      method: "DELETE",
      pattern,
      access: access("delete"),
      handle: async (_request, { user = "" }) => answer({ user, revoked: await users.revoke(user) }),
    },
  ];
}

/** Changes the tokens of a data directory that no Headrace runs on. Throws StartError if one does. */
export async function changeUserTokens<T>(directory: string, change: (users: UserTokens) => Promise<T>): Promise<T> {
  const home = openHome(directory);
  try {
    return await change(await openUsers(home.directory, systemClock));
  } finally {
    home.release();
  }
}

function readGroups(body: Uint8Array): readonly string[] {
  const { groups = [] } = parse(body);
  if (!Array.isArray(groups)) throw badRequest("groups: must be a list of names");
  return groups.map((group: unknown) => {
    if (typeof group !== "string") throw badRequest("groups: must be a list of names");
    return group;
  });
}

function parse(body: Uint8Array): { readonly groups?: unknown } {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString());
    return typeof value === "object" && value !== null ? value : {};
  } catch (cause) {
    throw badRequest("Cannot read the request: its body is not JSON", { cause });
  }
}

/** What the name is refused for is the caller's to know. */
async function asked<T>(issue: () => Promise<T>): Promise<T> {
  try {
    return await issue();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "TOKEN_REQUEST_INVALID")
      throw badRequest(error.message, { cause: error });
    throw error;
  }
}

function answer(value: object): ApiResponse {
  return {
    status: 200,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify(value),
  };
}

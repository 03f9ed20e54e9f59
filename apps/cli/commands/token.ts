import { changeUserTokens, findRunning } from "@headrace/platform";
import { connect } from "../connection.ts";
import type { Terminal } from "../terminal.ts";

export interface TokenFlags {
  readonly admin: boolean;
  readonly group: readonly string[];
  readonly revoke: boolean;
}

/**
 * Issues a bearer token for the user and prints it, alone on its line, or revokes all that the user has: by the Headrace that runs,
 * or in the data directory if none does. Resolves to the exit status.
 */
export async function token(user: string, flags: TokenFlags, home: string, terminal: Terminal): Promise<number> {
  if (flags.revoke) {
    const revoked = await revoke(user, home);
    if (terminal.json) terminal.value({ user, revoked });
    else terminal.print(`${revoked} tokens of ${user} are worthless now`);
    return 0;
  }
  const groups = [...new Set([...flags.group, ...(flags.admin ? ["system:masters"] : [])])];
  const issued = await issue(user, groups, home);
  if (terminal.json) terminal.value({ user, groups, token: issued });
  else terminal.print(issued);
  terminal.note("Only its digest is kept: the token is not shown again. Send it as `Authorization: Bearer …`,");
  terminal.note("or give it to kfp.Client(existing_token=…) and kubectl --token=…");
  if (!groups.includes("system:masters"))
    terminal.note(`No role grants ${user} anything yet; with --admin the user may do everything`);
  return 0;
}

async function issue(user: string, groups: readonly string[], home: string): Promise<string> {
  if (findRunning(home) === undefined) return changeUserTokens(home, (users) => users.issue(user, groups));
  const answer = (await connect(home).call("POST", pathOf(user), { groups })) as { readonly token: string };
  return answer.token;
}

async function revoke(user: string, home: string): Promise<number> {
  if (findRunning(home) === undefined) return changeUserTokens(home, (users) => users.revoke(user));
  const answer = (await connect(home).call("DELETE", pathOf(user))) as { readonly revoked: number };
  return answer.revoked;
}

const pathOf = (user: string): string => `/apis/headrace.io/v1/users/${encodeURIComponent(user)}/tokens`;

import { createHash, randomBytes } from "node:crypto";
import { formatTime, type Clock, type User } from "@headrace/model";
import { KeyFileError, TokenRequestError } from "./errors.ts";
import { maxPrivateFile, readPrivateFile, writePrivateFile } from "./private-files.ts";

const maxUsers = 10_000;
const prefix = "headrace-";

/** Tokens of people. Only their SHA-256 is kept: they have 256 random bits, so a slow hash would protect nothing more. */
export interface UserTokens {
  /** A new token for this user; earlier ones go on working. Durable when it resolves. Throws TokenRequestError. */
  issue(user: string, groups?: readonly string[]): Promise<string>;
  /** Makes every token of the user worthless. Answers how many there were. */
  revoke(user: string): Promise<number>;
  find(token: string): User | undefined;
}

interface Entry {
  readonly user: string;
  readonly groups: readonly string[];
  readonly sha256: string;
  readonly created: string;
}

export async function openUserTokens(path: string, clock: Clock): Promise<UserTokens> {
  let entries = new Map((await read(path)).map((entry) => [entry.sha256, entry]));
  // Changes are written one after the other, each over the one before.
  let writes: Promise<unknown> = Promise.resolve();

  async function write(change: (current: ReadonlyMap<string, Entry>) => Map<string, Entry>): Promise<void> {
    const next = change(entries);
    const text = `${JSON.stringify({ tokens: [...next.values()] }, null, 2)}\n`;
    if (next.size > maxUsers || Buffer.byteLength(text) > maxPrivateFile) {
      throw new TokenRequestError("user", `Cannot issue a token: ${entries.size} are in use; revoke some first`);
    }
    await writePrivateFile(path, text);
    entries = next;
  }

  function replace(change: (current: ReadonlyMap<string, Entry>) => Map<string, Entry>): Promise<void> {
    const written = writes.then(() => write(change));
    writes = written.catch(() => {});
    return written;
  }

  return {
    async issue(user, groups = []) {
      check(user, groups);
      const token = `${prefix}${randomBytes(32).toString("base64url")}`;
      const entry: Entry = { user, groups, sha256: digest(token), created: formatTime(clock.now()) };
      await replace((current) => new Map([...current, [entry.sha256, entry]]));
      return token;
    },
    async revoke(user) {
      let revoked = 0;
      await replace((current) => {
        const kept = [...current].filter(([, entry]) => entry.user !== user);
        revoked = current.size - kept.length;
        return new Map(kept);
      });
      return revoked;
    },
    find(token) {
      if (!token.startsWith(prefix)) return undefined;
      const entry = entries.get(digest(token));
      return entry && { name: entry.user, groups: [...entry.groups, "system:authenticated"] };
    },
  };
}

function check(user: string, groups: readonly string[]): void {
  const isName = (text: string) => /^[^\s\p{Cc}]{1,253}$/u.test(text);
  if (!isName(user)) {
    throw new TokenRequestError(
      "user",
      `Cannot issue a token for ${JSON.stringify(user)}: a user's name has 1 to 253 characters and no spaces`,
    );
  }
  if (user.startsWith("system:")) {
    throw new TokenRequestError(
      "user",
      `Cannot issue a token for ${user}: names that begin with "system:" are Kubernetes' own`,
    );
  }
  const wrong = groups.find((group) => !isName(group));
  if (wrong !== undefined) {
    throw new TokenRequestError(
      "groups",
      `Cannot put a user into group ${JSON.stringify(wrong)}: it is no group's name`,
    );
  }
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

async function read(path: string): Promise<readonly Entry[]> {
  const text = await readPrivateFile(path);
  if (text === undefined) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new KeyFileError(path, "it is not JSON", { cause: error });
  }
  if (!isTokenFile(parsed)) throw new KeyFileError(path, "it holds no list of tokens");
  return parsed.tokens;
}

function isTokenFile(value: unknown): value is { tokens: readonly Entry[] } {
  if (typeof value !== "object" || value === null || !("tokens" in value)) return false;
  return Array.isArray(value.tokens) && value.tokens.every(isEntry);
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { user, groups, sha256 } = value as Partial<Entry>;
  return typeof user === "string" && Array.isArray(groups) && typeof sha256 === "string";
}

import type { AuthMode } from "@headrace/identity";
import { openSandbox, type Sandbox, SandboxError, type SandboxOptions } from "@headrace/sandbox";
import { StartError } from "./errors.ts";

interface Wish {
  /** False: steps are to be plain processes. */
  readonly sandboxed?: boolean;
  readonly auth: AuthMode;
  readonly log: (line: string) => void;
}

/**
 * Steps that nothing confines may run for the one user whose machine it is, and never for several. Throws SandboxError or StartError
 * where there can be neither a sandbox nor that.
 */
export async function openSandboxOrPlain(
  options: SandboxOptions,
  { sandboxed = true, auth, log }: Wish,
): Promise<Sandbox> {
  if (!sandboxed) {
    if (auth === "local") return openSandbox({ ...options, plain: true });
    throw new StartError(
      `Cannot run steps without a sandbox with --auth ${auth}`,
      "Leave out --no-sandbox, or use --auth local",
    );
  }
  try {
    return await openSandbox(options);
  } catch (error) {
    if (!(error instanceof SandboxError) || error.code !== "no-launcher" || auth !== "local") throw error;
    log(`Steps run without a sandbox, and lightweight Python alone: ${error.message}`);
    return openSandbox({ ...options, plain: true });
  }
}

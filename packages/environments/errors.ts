/**
 * Why an image cannot be made runnable. `message` says what could not be done and what stood in the way; `remedy` is what the
 * user can do about it: for `unmapped` and `no-python` an ImageMapping to apply.
 *
 * - `unmapped`: no mapping, built in or the administrator's, matches the image.
 * - `no-python`: neither this host has the asked Python nor can it be installed.
 * - `no-uv`: the tool that builds environments is missing and cannot be fetched.
 * - `refused`: a requirement that this node does not install (options in disguise, builds from source where they are off).
 * - `build-failed`: resolving or installing failed; the message ends with the tool's last lines.
 */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
  readonly code: EnvironmentErrorCode;
  readonly remedy: string;

  constructor(code: EnvironmentErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}

export type EnvironmentErrorCode = "unmapped" | "no-python" | "no-uv" | "refused" | "build-failed";

/** What is known of a failure: what the platform says, and perhaps the last lines that the program wrote. */
export interface Failure {
  readonly message: string;
  readonly tail?: string;
}

const traceback = "Traceback (most recent call last):";

/**
 * The line with which a Python program ended: `ValueError: no rows`. It says more than that the program exited with code 1.
 * Undefined if the text ends with no traceback.
 */
export function thrownIn(text: string): string | undefined {
  const start = text.lastIndexOf(traceback);
  if (start < 0) return undefined;
  // Frames are indented; what was thrown is not.
  return text
    .slice(start + traceback.length)
    .split("\n")
    .find((line) => /^\S/.test(line))
    ?.trim();
}

/** Why something failed, in one line. */
export function failureLine({ message, tail = message }: Failure): string {
  return thrownIn(tail) ?? message.trim().split("\n")[0] ?? "";
}

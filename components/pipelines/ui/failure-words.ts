/** What is known of a failure: what the platform says, and perhaps the last lines that the program wrote. */
export interface Failure {
  readonly message: string;
  readonly tail?: string;
}

/** A frame of a Python traceback. Its head is not looked for: of a long one only the end is kept. */
const frame = '\n  File "';

/**
 * The line with which a Python program ended: `ValueError: no rows`. It says more than that the program exited with code 1.
 * Undefined if the text holds no traceback to its end.
 */
export function thrownIn(text: string): string | undefined {
  const start = text.lastIndexOf(frame);
  if (start < 0) return undefined;
  // Frames are indented; what was thrown is not.
  return text
    .slice(start + frame.length)
    .split("\n")
    .slice(1)
    .find((line) => /^\S/.test(line))
    ?.trim();
}

/** Why something failed, in one line. */
export function failureLine({ message, tail = message }: Failure): string {
  return thrownIn(tail) ?? message.trim().split("\n")[0] ?? "";
}

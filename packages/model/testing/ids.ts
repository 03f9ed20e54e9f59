import type { Ids } from "../clock.ts";

const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** Ids that count: the same test always sees the same names. */
export function testIds(): Ids {
  let count = 0;
  return {
    uuid() {
      count += 1;
      return `00000000-0000-4000-8000-${count.toString(16).padStart(12, "0")}`;
    },
    suffix(length) {
      count += 1;
      let rest = count;
      let text = "";
      while (text.length < length) {
        text = `${alphabet[rest % alphabet.length]}${text}`;
        rest = Math.floor(rest / alphabet.length);
      }
      return text;
    },
  };
}

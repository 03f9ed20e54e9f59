/**
 * `npm run conformance -- SUITE [options]`: upstream suites and real clients against a fresh Headrace. Upstream's files come
 * from a checkout that the caller names; nothing of it is kept here.
 */
import { parseArgs } from "node:util";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    checkout: { type: "string" },
    only: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    scale: { type: "string", default: "1" },
  },
});

/** Runs it, and resolves to the exit status. */
type Suite = () => Promise<number>;

/** Of a suite that reads upstream's files. */
const withCheckout =
  (load: () => Promise<{ main: (checkout: string, filter: string) => Promise<number> }>): Suite =>
  async () => {
    if (values.checkout === undefined) return usage();
    const { main } = await load();
    return main(values.checkout, values.only);
  };

const suites: Readonly<Record<string, Suite>> = {
  kfp: withCheckout(() => import("./kfp/main.ts")),
  "kfp-api": withCheckout(() => import("./kfp/api-suite.ts")),
  mlmd: withCheckout(() => import("./metadata/main.ts")),
  s3: withCheckout(() => import("./s3/main.ts")),
  hosts: async () => (await import("./hosts/main.ts")).main(values.only),
  fuzz: async () => (await import("./fuzz.ts")).main({ seed: Number(values.seed), scale: Number(values.scale) }),
};

function usage(): number {
  console.error(
    `usage: npm run conformance -- SUITE [--checkout DIR] [--only TEXT] [--seed N] [--scale N]\nSuites: ${Object.keys(suites).join(", ")}`,
  );
  return 2;
}

const suite = suites[positionals[0] ?? ""] ?? (async () => usage());
process.exit(await suite());

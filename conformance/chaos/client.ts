import { spawn, type ChildProcess } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const workload = fileURLToPath(new URL("workload.py", import.meta.url));

export interface Acknowledged {
  readonly run: string;
  readonly name: string;
}

/** Of a run, or of a recurring run. */
export interface Verdict {
  readonly run: string;
  readonly name: string;
  readonly problems: readonly string[];
  /** Steps whose code began. */
  readonly begun?: number;
  /** Runs that a recurring run made. */
  readonly ticks?: number;
}

/** The stock SDK in a process that outlives every Headrace. */
export class Client {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  constructor(python: string, gateway: string, ledger: string) {
    const child = spawn(python, [workload, gateway, ledger], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#reader = createInterface({ input: child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Makes recurring runs, which go on until they are judged. */
  async schedule(): Promise<void> {
    await this.#ask("schedule");
  }

  /** Submits `count` runs and two of other kinds, and retries earlier ones. Resolves to the runs that were acknowledged; whoever kills Headrace meanwhile gets fewer. */
  async submit(count: number): Promise<readonly Acknowledged[]> {
    const lines = await this.#ask(`submit ${count}`);
    return lines.map((line) => JSON.parse(line) as Acknowledged);
  }

  /** Waits until every tick has its run, and for the end of every run. With `losses` a step may have been lost, and must have run again. */
  async judge({ losses }: { readonly losses: boolean }): Promise<readonly Verdict[]> {
    const lines = await this.#ask(losses ? "judge losses" : "judge");
    return lines.map((line) => JSON.parse(line) as Verdict);
  }

  close(): void {
    this.#child.stdin?.end();
    this.#reader.close();
  }

  async #ask(line: string): Promise<readonly string[]> {
    this.#child.stdin?.write(`${line}\n`);
    const answer: string[] = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new RangeError("The client ended before it had answered");
      if (value === "done") return answer;
      // The SDK prints links of its own.
      if (value.startsWith("{")) answer.push(value);
    }
  }
}

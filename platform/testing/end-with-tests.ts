const pids = new Set<number>();

process.on("exit", () => {
  for (const pid of pids) {
    try {
      process.kill(pid);
    } catch {
      // It has ended.
    }
  }
});

/**
 * Has a Headrace stop in order if the process of the tests ends while it runs: by a signal, or because a test ran out of time
 * before its own tidying. Disposing says that it has ended, or is nobody's business any more.
 */
export function endWithTests(pid: number): Disposable {
  pids.add(pid);
  return { [Symbol.dispose]: () => void pids.delete(pid) };
}

"""The peer: Metaflow running a chain of steps. usage: metaflow_chain.py LENGTH; prints the trace.

Metaflow's graph is static, so the flow is written out to a file first.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

length = int(sys.argv[1])
lines = ["import time", "from metaflow import FlowSpec, step", "", "class Chain(FlowSpec):"]
for index in range(length):
    name = {0: "start", length - 1: "end"}.get(index, f"s{index}")
    follow = "" if index == length - 1 else f"        self.next(self.{'end' if index == length - 2 else f's{index + 1}'})"
    before = "''" if index == 0 else "self.trace"
    lines += [
        "    @step",
        f"    def {name}(self):",
        "        begin = time.time()",
        f"        self.trace = {before} + '%.6f,%.6f;' % (begin, time.time())",
        "        print('trace', self.trace)" if index == length - 1 else "        pass",
        follow,
    ]
lines += ["", "if __name__ == '__main__':", "    Chain()", ""]
with tempfile.TemporaryDirectory() as root:
    flow = pathlib.Path(root, "chain.py")
    flow.write_text("\n".join(lines))
    environment = {**os.environ, "METAFLOW_DATASTORE_SYSROOT_LOCAL": root, "USERNAME": "bench", "METAFLOW_HOME": root}
    done = subprocess.run(
        [sys.executable, str(flow), "--quiet", "run"], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    sys.stdout.write("\n".join("trace" + line.split("trace", 1)[1] for line in done.stdout.splitlines() if "trace" in line))

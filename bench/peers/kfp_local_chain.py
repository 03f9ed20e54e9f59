"""The peer: `kfp.local` running the chain of ticks.py. usage: kfp_local_chain.py LENGTH [pip]; prints the trace."""

import logging
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")
from kfp import local  # noqa: E402

from ticks import chain  # noqa: E402

length, with_pip = int(sys.argv[1]), "pip" in sys.argv[2:]
logging.disable(logging.CRITICAL)
with tempfile.TemporaryDirectory() as root:
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=root, raise_on_error=True)
    print("trace", chain(length, install=with_pip)().output)

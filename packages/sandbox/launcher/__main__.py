"""`python3 -I -S -E launcher SETTINGS`: Headrace starts it so, once for each data directory."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import start  # noqa: E402

start.main(sys.argv[1:])

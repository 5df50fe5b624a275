"""Python runs this as it starts, if the folder is on PYTHONPATH: see tests/modes.py."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import modes

sys.path.pop()
modes.load_pure()

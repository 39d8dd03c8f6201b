# SPDX-License-Identifier: MIT
"""All checks, and a failure at last, in one go: starting processes takes longer than they do.

The arguments are a folder to write to, and an empty MLflow database.
"""

import sys
from pathlib import Path

import callbacks
import training
from _harness import run
from failing import fail

run(training.CHECKS | callbacks.CHECKS, Path(sys.argv[1]))
fail()

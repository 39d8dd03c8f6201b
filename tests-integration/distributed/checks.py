# SPDX-License-Identifier: MIT
"""All checks, in one go: starting processes takes longer than they do.

The arguments are a folder to write to, and an empty MLflow database.
"""

import sys
from pathlib import Path

import callbacks
import training
from _harness import run

run(training.CHECKS | callbacks.CHECKS, Path(sys.argv[1]))

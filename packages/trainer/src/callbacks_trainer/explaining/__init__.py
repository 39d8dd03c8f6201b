# SPDX-License-Identifier: MIT
"""Notes for what goes wrong with a batch: which one it was, what it held, what is likely wrong.

Nothing is done for it while all goes well: what the batch was is read from the frames through
which the exception has passed.
"""

from ._explained import Explained
from ._first_look import with_first_look
from ._losses import warn_of_loss

__all__ = ["Explained", "warn_of_loss", "with_first_look"]

# SPDX-License-Identifier: MIT
"""How one distribution is prepared for its release, and proved to be ready for it."""

# SPDX-License-Identifier: MIT
"""Tables of what a new user gets wrong, and what is to be said of it."""

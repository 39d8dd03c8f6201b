# SPDX-License-Identifier: MIT
from hypothesis import settings

settings.register_profile("callboard", deadline=None)  # a busy machine fails no test
settings.load_profile("callboard")

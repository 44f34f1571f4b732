"""Hypothesis profiles: `dev` explores, `ci` repeats the same examples on every run."""

import os

from hypothesis import settings

# No deadline in either: the first call of a kernel compiles it, and times are never asserted.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI", "").lower() in {"1", "true"} else "dev")

"""One way to compile: cached on disk where possible, without the lock, without fastmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Return the function compiled by Numba on first call, cached on disk when a cache folder is writable.

    No ``fastmath``: it reorders sums and erases the error terms that the enclosures rest on. No eager
    signatures: read-only arrays are another type.
    """
    try:
        compiled: F = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # no writable place for the cache: compile in memory
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled


def inlined(function: F) -> F:
    """Return a helper compiled for use inside kernels only, inlined so that caching sees its source."""
    compiled: F = numba.njit(nogil=True, inline="always", error_model="numpy")(function)
    return compiled

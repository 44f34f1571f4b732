"""One way to compile: cached on disk where possible, without the lock, without fastmath."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache

F = TypeVar("F", bound=Callable[..., Any])

# Numba notices a change in a kernel's own file only; a kernel that calls another file's would keep running the
# old one. The digest of all kernel sources is therefore part of every cache key.
_TEXT = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
_SOURCES = hashlib.sha256(_TEXT).hexdigest()


class _StampedCache(FunctionCache):
    """Numba's disk cache with the digest of all kernel sources in its keys."""

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return (*super()._index_key(signature, codegen), _SOURCES)


def kernel(function: F) -> F:
    """Return the function compiled by Numba on first call, cached on disk when a cache folder is writable.

    No ``fastmath``: it reorders sums and erases the error terms that the enclosures rest on. No eager
    signatures: read-only arrays are another type.
    """
    compiled: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if isinstance(compiled, numba.core.registry.CPUDispatcher):  # not so with the compiler switched off
        try:
            compiled._cache = _StampedCache(function)
        except RuntimeError:  # no writable place for the cache: compile in memory
            return compiled
    return compiled

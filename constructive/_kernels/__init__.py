"""Numba kernels on bare arrays. They validate nothing; each has a slow twin in ``tests/oracles.py``.

Kernels release the interpreter lock and run on blocks of rows in a thread pool (:func:`in_blocks`); no kernel
reduces in parallel, so results do not depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def workers() -> int:
    """Return how many threads to use: the processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def in_blocks(n: int, block: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(start, stop)`` on consecutive blocks of ``range(n)``, in threads when there are several."""
    ranges = [(start, min(start + block, n)) for start in range(0, n, block)]
    if len(ranges) <= 1 or workers() == 1:
        for start, stop in ranges:
            work(start, stop)
        return
    with ThreadPoolExecutor(max_workers=workers()) as pool:
        for done in [pool.submit(work, start, stop) for start, stop in ranges]:
            done.result()

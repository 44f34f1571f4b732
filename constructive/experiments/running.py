"""Run the cells of an experiment: in any order, on any number of workers, and only those not yet finished.

Data flow: cells (plain data) -> those with a stored result are read -> the others go through joblib, each with
its own stream of random numbers -> every result is stored as it arrives -> results in the order of the cells.
The stream of a cell is derived from the seed and from what the cell *is*, not from its place in the list: neither
the number of workers nor a longer list of cells changes a draw.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from constructive.experiments.storage import Cell, Result, Store, canonical, result_key

Measure = Callable[[Cell, np.random.Generator], Result]


def run_cells(measure: Measure, cells: Sequence[Cell], *, name: str, parameters: Mapping[str, Any], seed: int,
              n_jobs: int | None = None, store: str | Path | None = None, progress: bool = False) -> list[Result]:
    """Return ``[measure(cell, rng of that cell) for cell in cells]``, in this order.

    ``cells`` and the results are plain data (strings, numbers, booleans, None); ``parameters`` is all else that
    ``measure`` depends on. ``n_jobs`` as in joblib: None is one worker unless a ``joblib.parallel_config`` says
    otherwise. ``store``: a folder where finished cells are kept and found again. ``progress``: a bar on stderr.

    >>> def draw(cell, rng):
    ...     return {"twice": 2 * cell["n"]}
    >>> run_cells(draw, [{"n": 1}, {"n": 3}], name="doubling", parameters={}, seed=0)
    [{'twice': 2}, {'twice': 6}]
    """
    from joblib import Parallel, delayed

    kept = None if store is None else Store(store, name)
    keys = [result_key(name, parameters, seed, cell) for cell in cells]
    results: list[Result | None] = [None if kept is None else kept.found.get(key) for key in keys]
    missing = [k for k, result in enumerate(results) if result is None]
    workers = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    arriving = workers(delayed(_measured)(measure, name, seed, k, dict(cells[k])) for k in missing)
    for k, text in _shown(arriving, name, len(missing), progress):
        # through JSON even without a store, so that a resumed run and a fresh one return the same
        results[k] = json.loads(text)
        if kept is not None:
            kept.add(keys[k], cells[k], results[k] or {})
    return [result or {} for result in results]


def cell_stream(name: str, seed: int, cell: Cell) -> np.random.Generator:
    """Return the cell's own random numbers: the child of the seed's SeedSequence named by the cell's hash."""
    digest = hashlib.sha256(canonical({"experiment": name, "cell": dict(cell)}).encode()).digest()
    words = tuple(int(word) for word in np.frombuffer(digest[:16], dtype="<u4"))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=words))


def _measured(measure: Measure, name: str, seed: int, number: int, cell: Cell) -> tuple[int, str]:
    return number, canonical(measure(cell, cell_stream(name, seed, cell)))


def seed_of(rng: np.random.Generator | int, who: str) -> int:
    """Return the seed that a run is keyed by: the integer itself, or one drawn from a Generator.

    Raises TypeError for anything else, ValueError for a negative seed.

    >>> seed_of(7, "ledger")
    7
    """
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**62))
    if isinstance(rng, (bool, np.bool_)) or not isinstance(rng, (int, np.integer)):
        raise TypeError(f"{who}: rng must be a numpy Generator or an integer seed, got {rng!r}")
    if rng < 0:
        raise ValueError(f"{who}: rng={int(rng)} must be >= 0")
    return int(rng)


def _shown(arriving: Iterable[tuple[int, str]], name: str, total: int,
           progress: bool) -> Iterator[tuple[int, str]]:
    """Yield what arrives, with a bar on stderr if asked for; stdout belongs to the report."""
    if not progress:
        yield from arriving
        return
    from rich.console import Console
    from rich.progress import track
    yield from track(arriving, description=name, total=total, console=Console(stderr=True))

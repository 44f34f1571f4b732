"""Results of finished cells as JSON lines in a folder, found again by a hash of everything they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from constructive.evidence import versions

Cell = Mapping[str, Any]
Result = dict[str, Any]


def canonical(value: Any) -> str:
    """Return the one JSON text of plain data: sorted keys, no spaces, floats in full.

    >>> canonical({"b": 0.5, "a": [1, 2]})
    '{"a":[1,2],"b":0.5}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def result_key(name: str, parameters: Cell, seed: int, cell: Cell) -> str:
    """Return the hash of all that a result depends on: experiment, parameters, seed, cell, versions.

    The versions of this library, Python, numpy, scipy and numba belong to it, so that no other version's result is
    taken for this one's.
    """
    whole = {"experiment": name, "parameters": dict(parameters), "seed": seed, "cell": dict(cell),
             "versions": versions()}
    return hashlib.sha256(canonical(whole).encode()).hexdigest()


class Store:
    """The finished results of one experiment: the file ``<folder>/<name>.jsonl``, one line a cell, only appended.

    A line that does not parse is what an interruption in the middle of writing leaves, and counts as not there.
    """

    __slots__ = ("found", "path")

    def __init__(self, folder: str | Path, name: str) -> None:
        self.path = Path(folder) / f"{name}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.found = self._read()

    def _read(self) -> dict[str, Result]:
        found: dict[str, Result] = {}
        if not self.path.exists():
            return found
        text = self.path.read_text(encoding="utf-8")
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                found[entry["key"]] = entry["result"]
            except (json.JSONDecodeError, KeyError, TypeError):
                continue
        if text and not text.endswith("\n"):
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n")  # the next line must not be glued to a torn one
        return found

    def add(self, key: str, cell: Cell, result: Result) -> None:
        """Append one finished cell; it is on disk, and readable by the next run, when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(canonical({"key": key, "cell": dict(cell), "result": result}) + "\n")
        self.found[key] = result

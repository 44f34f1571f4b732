"""Explicit ReLU networks that provably fit every training label on a ball, and checks that a machine can repeat.

In reading order: ask how far apart the data are, choose a smooth teacher, memorize the data, certify the student,
measure its robust error, compare it with every other memorizer, verify the theorems behind it. Names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "separation": "constructive.students",
    "memorize": "constructive.students",
    "taylor_cells": "constructive.teachers",
    "taylor_partition": "constructive.teachers",
    "fit_cells": "constructive.teachers",
    "certify": "constructive.certificates.training",
    "interval_bounds": "constructive.certificates.enclosure",
    "sup_error": "constructive.certificates.sup_error",
    "as_network": "constructive.interop",
    "robust_error": "constructive.risk",
    "zoo": "constructive.zoos",
    "verify": "constructive.verification",
    "Network": "constructive.network",
    "Student": "constructive.students",
    "Recipe": "constructive.students",
    "NearestNeighbor": "constructive.students",
    "Bracket": "constructive.evidence",
    "Evidence": "constructive.evidence",
    "Verdict": "constructive.evidence",
    "Report": "constructive.evidence",
}
_MODULES = ("evidence", "targets", "theorems", "blocks", "calculus", "students", "populations", "risk",
            "plotting", "report")

__all__ = [*_HOME, *_MODULES]

if TYPE_CHECKING:
    from constructive import (
        blocks,
        calculus,
        evidence,
        plotting,
        populations,
        report,
        risk,
        students,
        targets,
        theorems,
    )
    from constructive.certificates.enclosure import interval_bounds
    from constructive.certificates.sup_error import sup_error
    from constructive.certificates.training import certify
    from constructive.evidence import Bracket, Evidence, Report, Verdict
    from constructive.interop import as_network
    from constructive.network import Network
    from constructive.risk import robust_error
    from constructive.students import (
        NearestNeighbor,
        Recipe,
        Student,
        memorize,
        separation,
    )
    from constructive.teachers import fit_cells, taylor_cells, taylor_partition
    from constructive.verification import verify
    from constructive.zoos import zoo


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"constructive.{name}")
    else:
        raise AttributeError(f"module 'constructive' has no attribute {name!r}; it offers {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

"""Instances as files: ONNX, VNN-LIB in both versions, the competition's list, and the truth beside it."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from constructive._checks import as_count
from constructive.evidence import versions
from constructive.instances.families import suite
from constructive.instances.instance import Instance
from constructive.interop.onnx import to_onnx
from constructive.interop.vnnlib import to_vnnlib

MARGIN = Fraction(1, 1000)
"""Instances with a smaller margin go to ``edge/``: tools with tolerances may well differ there."""

COLUMNS = ("name", "onnx", "vnnlib", "answer", "semantics", "radius", "robust_radius", "margin", "margin_is", "label",
           "witness", "recipe", "theorem", "seed", "inputs", "units", "weights", "interval_bound", "interval_proves",
           "backward_bound", "backward_proves")


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What was written: the instances of the main set and of the edge, and how many were too large."""

    main: tuple[Instance, ...]
    edge: tuple[Instance, ...]
    left_out: int

    def __str__(self) -> str:
        unsat = [one for one in self.main if one.answer == "unsat"]
        hard = sum(one.interval <= 0 and one.backward <= 0 for one in unsat)
        return (f"{len(self.main)} instances, {len(unsat)} unsat and {len(self.main) - len(unsat)} sat; {hard} unsat "
                f"that neither intervals nor backward bounds prove; {len(self.edge)} more in edge/"
                + (f"; {self.left_out} left out for their size" if self.left_out else ""))


def write_instances(folder: str | os.PathLike[str], *, seed: int = 0, limit: int = 1_000_000, largest: int = 16,
                    timeout: int = 60) -> Written:
    """Write verification instances whose answers are known by theorem into a folder; return what was written.

    ``onnx/`` float32 networks of at most ``limit`` dense weights and ``largest`` inputs; ``vnnlib/`` the properties in
    version 1 of the language, ``vnnlib2/`` the same in version 2 with datatype real; ``instances.csv`` one line
    "network, property, seconds" each; ``truth.csv`` the answer ("sat": a counterexample exists) and what is known:
    in which arithmetics it is proved, exact robust radius and margin as fractions, a witness, the reason, and what
    interval propagation and backward linear bounds say. ``edge/`` holds, in the same layout, margins below 1/1000.
    Numbers have all their digits, so that they mean the same to readers of rationals and of doubles. The same seed
    gives the same bytes. Raises ValueError for arguments out of range; existing files of the same names are
    overwritten.
    """
    who = "write_instances"
    start, most = as_count(seed, who, "seed"), as_count(limit, who, "limit", at_least=1)
    d, seconds = as_count(largest, who, "largest", at_least=2), as_count(timeout, who, "timeout", at_least=1)
    drawn = list(suite(np.random.default_rng(start), d))
    fitting = [one for one in drawn if one.network.size.parameters <= most]
    main = tuple(one for one in fitting if one.margin >= MARGIN)
    edge = tuple(one for one in fitting if one.margin < MARGIN)
    home = Path(folder)
    _write_set(home, main, start, most, seconds)
    _write_set(home / "edge", edge, start, most, seconds)
    return Written(main, edge, len(drawn) - len(fitting))


def _write_set(home: Path, chosen: Sequence[Instance], seed: int, limit: int, seconds: int) -> None:
    for name in ("onnx", "vnnlib", "vnnlib2"):
        (home / name).mkdir(parents=True, exist_ok=True)
    listed, truth = [], []
    numbers: dict[str, int] = {}
    for one in chosen:
        number = numbers[one.model] = numbers.get(one.model, -1) + 1
        name = f"{one.model}_{number}"
        onnx, vnnlib = f"onnx/{one.model}.onnx", f"vnnlib/{name}.vnnlib"
        if number == 0:
            to_onnx(one.network, home / onnx, limit=limit, batch=1)
        comment = f"constructive {versions()['constructive']}, seed {seed}: {name}; sat means a counterexample exists"
        to_vnnlib(one.asked, home / vnnlib, digits="exact", comment=comment)
        to_vnnlib(one.asked, home / "vnnlib2" / f"{name}.vnnlib", version=2, digits="exact", comment=comment)
        listed.append((onnx, vnnlib, seconds))
        truth.append(_truth(one, name, onnx, vnnlib, seed))
    _write_table(home / "instances.csv", listed)
    _write_table(home / "truth.csv", [COLUMNS, *truth])


def _truth(one: Instance, name: str, onnx: str, vnnlib: str, seed: int) -> tuple[object, ...]:
    size = one.network.size
    witness = "" if one.witness is None else " ".join(repr(v) for v in one.witness.tolist())
    return (name, onnx, vnnlib, one.answer, " ".join(one.semantics), one.radius, one.robust_radius, one.margin,
            "exact" if one.tight else "at least", one.label, witness, one.family, one.theorem, seed, one.network.inputs,
            size.units, size.parameters, repr(one.interval), _yes(one.interval), repr(one.backward), _yes(one.backward))


def _yes(bound: float) -> str:
    return "yes" if bound > 0 else "no"


def _write_table(path: Path, rows: Sequence[Sequence[object]]) -> None:
    with open(path, "w", encoding="ascii", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)

"""Verify a theorem: draw instances, build, check, plant an error in each, and see that it is caught."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from constructive import theorems
from constructive._checks import as_count
from constructive.evidence import Bracket, Check, Evidence, Report, Verdict, worst

_ORDER = {Verdict.CONFIRMED: 0, Verdict.CONSISTENT: 1, Verdict.UNDECIDED: 2, Verdict.REFUTED: 3}


def verify(theorem: theorems.Theorem | str, *, seed: int = 0, instances: int | None = None,
           thorough: bool = False, progress: Callable[[int, int], None] | None = None,
           **arguments: Any) -> Report:
    """Return the report of a theorem checked on freshly drawn instances, each with a planted error beside it.

    ``instances`` defaults to the record's own number (ten times as many if ``thorough``); ``seed`` changes every
    instance; ``arguments`` go to the record's ``draw`` and fix what they name. The verdict is the worst of all
    checks; a planted error that passes refutes the check itself. "confirmed" means: proved on each of the counted
    instances. Raises ValueError for an unknown name.

    >>> verify("square-gate", instances=1, levels=3).verdict.value
    'confirmed'
    """
    record = theorems.find(theorem) if isinstance(theorem, str) else theorem
    seed = as_count(seed, "verify", "seed")
    if instances is None:
        instances = record.repeats * (10 if thorough else 1)
    instances = as_count(instances, "verify", "instances", at_least=1)
    merged: dict[str, Check] = {}
    caught = 0
    for k in range(instances):
        rng = generator(record.name, seed, k)
        instance = record.draw(rng, **arguments)
        network = record.build(**instance)
        for check in record.check(network, instance).checks:
            merged[check.claim] = _merge(merged.get(check.claim), check)
        faulty = record.fault(network, instance, rng)
        caught += record.check(faulty, instance).verdict in (Verdict.REFUTED, Verdict.UNDECIDED)
        if progress is not None:
            progress(k + 1, instances)
    checks = [merged[claim.name] for claim in record.claims if claim.name in merged]
    checks.append(_faults(instances, caught))
    tables = () if record.tables is None else record.tables(**arguments)
    return Report(record.name, tuple(checks), tables, source=record.source, seed=seed, planted=instances, caught=caught,
                  notes=(record.statement, f"{worst([c.verdict for c in checks]).value.upper()} on {instances} "
                         f"instances", record.cite()))


def generator(name: str, seed: int, k: int) -> np.random.Generator:
    """Return the generator of instance k of a record: independent streams for each name, seed and k."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), k])


def _merge(old: Check | None, new: Check) -> Check:
    """Keep the worse verdict, then the tighter of two checks, and count the instances."""
    if old is None:
        return new
    count = old.instances + 1
    rank_old, rank_new = (_ORDER[c.verdict] for c in (old, new))
    if (rank_new, new.tightness or 0.0) > (rank_old, old.tightness or 0.0):
        return replace(new, instances=count)
    return replace(old, instances=count)


def _faults(planted: int, caught: int) -> Check:
    verdict = Verdict.CONFIRMED if planted == caught else Verdict.REFUTED
    return Check("planted errors are caught", f"== {planted} (one planted in each instance)",
                 Bracket(float(caught), float(caught), Evidence.EXACT), verdict, None, planted)

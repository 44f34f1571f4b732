"""What a theorem is here: a statement with constants, a construction, and a check that anybody's network can face.

Data flow: ``draw`` makes an instance (named values) from a generator -> ``build`` makes the network that the
theorem promises -> ``check`` measures each claim on a network and compares it with the stated limit -> a report.
``fault`` plants an error of the kind the proof excludes; a check that confirms a faulty network is worthless, so
verification plants one for every record and counts how many are caught.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Check, Evidence, Report, Source, Verdict

Instance = Mapping[str, Any]


def always(**_: Any) -> bool:
    """Return True: the claim is stated for every instance."""
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One comparison: ``measure(network, instance)`` against ``limit(**instance)``.

    ``relation`` is "==", "<=" or ">=": how the measured number must stand to the limit. ``formula`` says the
    limit in words or symbols. ``where(**instance)`` tells on which instances the claim is stated. ``scope``:
    "instance" if the measure decides the claim on the whole instance, "sampled instances" if the theorem speaks
    of more than can be enumerated, so that a check can only fail to refute it.
    """

    name: str
    measure: Callable[[Any, Instance], Bracket]
    limit: Callable[..., float]
    formula: str
    relation: str = "<="
    where: Callable[..., bool] = always
    scope: str = "instance"

    def __post_init__(self) -> None:
        if self.relation not in ("==", "<=", ">="):
            raise ValueError(f"Claim: relation={self.relation!r} must be '==', '<=' or '>='")
        if self.scope not in ("instance", "sampled instances"):
            raise ValueError(f"Claim: scope={self.scope!r} must be 'instance' or 'sampled instances'")

    def check(self, network: Any, instance: Instance) -> Check:
        """Return the claim checked on one network and instance."""
        observed, stated = self.measure(network, instance), float(self.limit(**instance))
        verdict = compare(observed, stated, self.relation)
        tightness = None
        if self.relation != "==" and stated != 0.0 and math.isfinite(stated) and math.isfinite(observed.upper):
            tightness = (observed.upper if self.relation == "<=" else observed.lower) / stated
        note = "the bracket is too wide: raise the budget of the measure" if verdict is Verdict.UNDECIDED else ""
        return Check(self.name, f"{self.relation} {stated:.6g} ({self.formula})", observed, verdict, tightness,
                     1, note)


def compare(observed: Bracket, stated: float, relation: str) -> Verdict:
    """Return the verdict on ``truth <relation> stated`` for a truth that lies in the bracket.

    Sampled evidence can refute (its informative end is a value that occurred) but never confirm.

    >>> compare(Bracket(0.0, 0.1), 0.2, "<=").value
    'confirmed'
    """
    if relation == "==":
        holds, fails = observed.lower == observed.upper == stated, not observed.lower <= stated <= observed.upper
    elif relation == "<=":
        holds, fails = observed.upper <= stated, observed.lower > stated
    else:
        holds, fails = observed.lower >= stated, observed.upper < stated
    if fails:
        return Verdict.REFUTED
    if observed.evidence is Evidence.SAMPLED:
        return Verdict.CONSISTENT
    return Verdict.CONFIRMED if holds else Verdict.UNDECIDED


@dataclass(frozen=True, slots=True, eq=False)
class Theorem:
    """A result with its constants, its construction, its checks, and an error that the checks must catch.

    ``draw(rng, **arguments)`` returns an instance, ``construct(**instance)`` the object that the theorem speaks
    about (mostly a Network), ``plant(network, instance, rng)`` a broken one. ``proof`` maps proof steps to the
    code that carries them out. ``repeats`` is the default number of instances in a verification.
    """

    name: str
    source: Source
    statement: str
    hypotheses: tuple[str, ...]
    claims: tuple[Claim, ...]
    draw: Callable[..., Instance]
    construct: Callable[..., Any]
    plant: Callable[[Any, Instance, np.random.Generator], Any]
    proof: tuple[tuple[str, str], ...] = ()
    repeats: int = 5

    def build(self, **instance: Any) -> Any:
        """Return the object that the theorem promises for these named values."""
        return self.construct(**instance)

    def check(self, network: Any, instance: Instance | None = None, /, **named: Any) -> Report:
        """Return a report on any network of the right kind: ours, yours, or a broken one.

        The instance is a mapping of named values, or the values themselves as keywords.
        """
        values = {**(instance or {}), **named}
        checks = tuple(claim.check(network, values) for claim in self.claims if claim.where(**values))
        return Report(self.name, checks, source=self.source, notes=(self.statement,))

    def limit(self, claim: str, **instance: Any) -> float:
        """Return the number that the theorem states for the named claim; KeyError for an unknown name."""
        for candidate in self.claims:
            if candidate.name == claim:
                return float(candidate.limit(**instance))
        raise KeyError(f"{self.name}: no claim {claim!r}; it has {[c.name for c in self.claims]}")

    def fault(self, network: Any, instance: Instance, rng: np.random.Generator) -> Any:
        """Return the network with a planted error of the kind that the proof excludes."""
        return self.plant(network, instance, rng)

    def cite(self) -> str:
        """Return where the statement comes from, in one line."""
        also = "".join(f"; {reference}" for reference in self.source.also)
        origin = {"paper": "stated there", "sharper": "sharper than stated there", "ours": "ours"}
        return f"arXiv:{self.source.arxiv}, {self.source.statement} ({origin[self.source.origin]}){also}"

"""What a theorem is here: a statement with constants, a construction, and a check that anybody's network can face.

Data flow: ``draw`` makes an instance (named values) from a generator -> ``build`` makes the network that the
theorem promises -> ``check`` measures each claim on a network and compares it with the stated limit -> a report.
``fault`` plants an error of the kind the proof excludes; a check that confirms a faulty network is worthless, so
verification plants one for every record and counts how many are caught.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Check, Report, Source, Table, judge

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
        return judge(self.name, self.measure(network, instance), self.relation, float(self.limit(**instance)),
                     self.formula)


def _named(instance: Any) -> dict[str, Any]:
    if instance is None:
        return {}
    if isinstance(instance, Mapping):
        return dict(instance)
    return {f.name: getattr(instance, f.name) for f in fields(instance)}


@dataclass(frozen=True, slots=True, eq=False)
class Theorem:
    """A result with its constants, its construction, its checks, and an error that the checks must catch.

    ``draw(rng, **arguments)`` returns an instance, ``construct(**instance)`` the object that the theorem speaks
    about (mostly a Network), ``plant(network, instance, rng)`` a broken one. ``proof`` maps proof steps to the
    code that carries them out. ``repeats`` is the default number of instances in a verification.
    ``tables(**arguments)`` adds to its report what can be computed without an instance, such as sizes before any data.
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
    tables: Callable[..., tuple[Table, ...]] | None = None

    def build(self, **instance: Any) -> Any:
        """Return the object that the theorem promises for these named values."""
        return self.construct(**instance)

    def check(self, network: Any, instance: Any = None, /, **named: Any) -> Report:
        """Return a report on any network of the right kind: ours, yours, or a broken one.

        The instance is a mapping of named values, a dataclass with such fields, or the values as keywords.
        """
        values = {**_named(instance), **named}
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

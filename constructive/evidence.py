"""What a number is worth: brackets, the evidence behind them, verdicts, and reports made of them.

Every number that the library prints is a :class:`Bracket`: two ends, and the kind of evidence that puts the
truth between them. A theorem checked on an instance yields a :class:`Check`; a :class:`Report` is a bundle of
checks and tables. All of it is data; :mod:`constructive.report` turns it into text, Markdown, JSON or LaTeX.
"""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version


class Evidence(Enum):
    """How a bracket was obtained, strongest first."""

    EXACT = "exact"
    """Rational arithmetic, no rounding anywhere."""
    ENCLOSED = "enclosed"
    """Floating point with every rounding error accounted for."""
    SAMPLED = "sampled"
    """A finite sample: one-sided, or with a stated confidence."""


class Verdict(Enum):
    """The outcome of a check, best first."""

    CONFIRMED = "confirmed"
    """The claim was proved on the instance (or on each of the counted instances)."""
    CONSISTENT = "consistent"
    """A statistical claim that the sample does not contradict."""
    UNDECIDED = "undecided"
    """The budget ran out before either answer; the check's note says which budget."""
    REFUTED = "refuted"
    """A witness contradicts the claim."""


_SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the worst of some verdicts; of none, UNDECIDED, since nothing was shown.

    >>> worst([Verdict.CONFIRMED, Verdict.UNDECIDED]).value
    'undecided'
    """
    return max(verdicts, key=_SEVERITY.__getitem__) if verdicts else Verdict.UNDECIDED


@dataclass(frozen=True, slots=True, eq=False)
class Bracket:
    """Two numbers with ``lower <= truth <= upper``, and what stands behind them.

    Raises ValueError if the ends are NaN or crossed, or if a confidence is outside (0, 1).

    >>> Bracket(0.0, 0.25).width
    0.25
    """

    lower: float
    upper: float
    evidence: Evidence = Evidence.ENCLOSED
    confidence: float | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.lower) or math.isnan(self.upper) or self.lower > self.upper:
            raise ValueError(f"Bracket: needs lower <= upper, got lower={self.lower!r}, upper={self.upper!r}")
        if self.confidence is not None and not 0.0 < self.confidence < 1.0:
            raise ValueError(f"Bracket: confidence={self.confidence!r} must lie in (0, 1)")

    @property
    def width(self) -> float:
        """Upper end minus lower end."""
        return self.upper - self.lower

    def __contains__(self, value: float) -> bool:
        return self.lower <= value <= self.upper

    def __str__(self) -> str:
        ends = f"{self.lower:.6g}" if self.lower == self.upper else f"[{self.lower:.6g}, {self.upper:.6g}]"
        level = f" at {self.confidence:.6g}" if self.confidence is not None else ""
        return f"{ends} {self.evidence.value.upper()}{level}"


def exactly(value: Fraction | float | int) -> Bracket:
    """Return the narrowest float bracket of an exactly known number, marked EXACT.

    The two ends coincide unless the number is a rational that no double holds.

    >>> exactly(Fraction(1, 4)).width
    0.0
    """
    near = float(value)
    if math.isinf(near) or Fraction(near) == value:
        return Bracket(near, near, Evidence.EXACT)
    below = near if Fraction(near) < value else math.nextafter(near, -math.inf)
    return Bracket(below, math.nextafter(below, math.inf), Evidence.EXACT)


def clopper_pearson(errors: int, n: int, confidence: float = 0.95) -> Bracket:
    """Return the two-sided Clopper-Pearson interval of a proportion: ``errors`` of ``n`` independent trials.

    The interval covers the true proportion with probability at least ``confidence``, for every n.
    Raises ValueError unless ``0 <= errors <= n``, ``n >= 1`` and ``0 < confidence < 1``.
    Source: Clopper and Pearson, Biometrika 26 (1934).

    >>> clopper_pearson(0, 100).lower
    0.0
    """
    from scipy.special import betaincinv

    if not (0 <= errors <= n and n >= 1):
        raise ValueError(f"clopper_pearson: needs 0 <= errors <= n and n >= 1, got errors={errors}, n={n}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"clopper_pearson: confidence={confidence!r} must lie in (0, 1)")
    tail = (1.0 - confidence) / 2.0
    lower = 0.0 if errors == 0 else float(betaincinv(errors, n - errors + 1, tail))
    upper = 1.0 if errors == n else float(betaincinv(errors + 1, n - errors, 1.0 - tail))
    return Bracket(lower, upper, Evidence.SAMPLED, confidence)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where a statement comes from and how much of that source was read.

    ``arxiv`` is the paper that the record serves; ``origin`` says whether the statement is the paper's, a
    sharper form of it, or ours; ``read`` is "full", "abstract" or "secondary".
    """

    arxiv: str
    statement: str
    origin: str = "paper"
    read: str = "abstract"
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.origin not in ("paper", "sharper", "ours"):
            raise ValueError(f"Source: origin={self.origin!r} must be 'paper', 'sharper' or 'ours'")
        if self.read not in ("full", "abstract", "secondary"):
            raise ValueError(f"Source: read={self.read!r} must be 'full', 'abstract' or 'secondary'")


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One claim beside what was observed: the stated limit, the bracket, the verdict.

    ``tightness`` is observed / stated where the claim is an inequality; ``instances`` counts the instances on
    which the same claim was checked; ``note`` carries a witness or the budget to raise.
    """

    claim: str
    stated: str
    observed: Bracket
    verdict: Verdict
    tightness: float | None = None
    instances: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A titled table of plain values; every row has one entry for each column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"Table: a row of {self.title!r} has {len(row)} entries for "
                                 f"{len(self.columns)} columns")


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Checks, tables and notes under one title, with the seed that repeats them."""

    title: str
    checks: tuple[Check, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    source: Source | None = None
    seed: int | None = None
    planted: int = 0
    caught: int = 0

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the checks."""
        return worst([check.verdict for check in self.checks])


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


def judge(claim: str, observed: Bracket, relation: str, limit: float, formula: str = "") -> Check:
    """Return the check of ``observed <relation> limit``, with its tightness where it is an inequality.

    ``relation`` "==", "<=" or ">="; ``formula`` says in words or symbols where the limit comes from.

    >>> judge("nothing lost", Bracket(0.0, 0.0), "==", 0.0).verdict.value
    'confirmed'
    """
    verdict = compare(observed, limit, relation)
    tightness = None
    end = observed.upper if relation == "<=" else observed.lower
    if relation != "==" and limit != 0.0 and math.isfinite(limit) and math.isfinite(end):
        tightness = end / limit
    note = "the bracket is too wide: raise the budget of the measure" if verdict is Verdict.UNDECIDED else ""
    words = f" ({formula})" if formula and formula != f"{limit:.6g}" else ""
    return Check(claim, f"{relation} {limit:.6g}{words}", observed, verdict, tightness, 1, note)


def versions() -> dict[str, str]:
    """Return the versions on which a report rests: this library, Python, numpy, scipy, numba.

    >>> sorted(versions())
    ['constructive', 'numba', 'numpy', 'python', 'scipy']
    """
    found = {"python": platform.python_version()}
    for name in ("constructive", "numpy", "scipy", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found

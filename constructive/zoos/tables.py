"""The table: every memorizer on the same data, what was proved of each, and the bounds that nobody can beat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from constructive._checks import as_count
from constructive.evidence import Check, Report, Table, Verdict, exactly, judge
from constructive.exact import Projection, project
from constructive.zoos.bounds import least_bits, least_rank, least_slope, smooth_slope
from constructive.zoos.boxes import box_tasks, memorizer_tasks
from constructive.zoos.data import Data
from constructive.zoos.entry import Entry, short
from constructive.zoos.lines import grid_tasks, line_tasks

BUDGET = 1 << 28
"""Default number of nonzeros times data up to which a network is written out, run and proved."""

_LONGER = 1 << 5
"""So many times as long a nonzero takes in integers of any length."""

_COLUMNS = ("member", "nonzeros", "dense", "distinct", "bits", "widest", "depth", "width", "radius", "ratio",
            "on the balls", "proof", "Lipschitz", "arithmetic")
_BOUNDS = ("member", "bits / datum", "points at most", "least Lipschitz", "above it", "sqrt(n d / p)")


@dataclass(frozen=True, slots=True, eq=False)
class Zoo:
    """Memorizers on one data set: ``entries`` in the order of their construction, and what was ``left_out`` and why.

    ``columns``, ``rows``, ``title`` and ``note`` are those of a :class:`constructive.evidence.Table`; ``zoo[name]`` is
    an entry with all its numbers.
    """

    data: Data
    entries: tuple[Entry, ...]
    left_out: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> Entry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(f"zoo: no member {name!r}; it has {[entry.name for entry in self.entries]}")

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"Zoo({len(self)} members, {self.title})"

    @property
    def title(self) -> str:
        """The data in words."""
        n, d = self.data.X.shape
        return (f"{n} data in R^{d}, {self.data.labels.words}, separation {float(self.data.apart):.4g} in l_inf, "
                f"radius {self.data.radius:.4g}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of :attr:`rows`."""
        return _COLUMNS

    @property
    def rows(self) -> tuple[tuple[object, ...], ...]:
        """One row for each member, in plain values; empty text where something is not known."""
        return tuple(_row(entry) for entry in self.entries)

    @property
    def note(self) -> str:
        """What the columns mean."""
        return ("nonzeros, depth and width by formula, the rest counted; radius and ratio to half the separation in "
                "l_inf (l_1, l_2 where the name says so); on the balls: exactly the label (value), its sign, or right "
                "at the data alone; Lipschitz constant in the same norm: all digits shown, or a lower and an upper "
                "bound; arithmetic: the narrowest in which no datum and no drawn corner of its ball came out wrong")

    @property
    def table(self) -> Table:
        """The members as a table."""
        return Table(self.title, self.columns, self.rows, self.note)

    @property
    def bounds(self) -> Table:
        """Beside each member what nobody can beat; the note says what each column speaks of."""
        n, d = self.data.X.shape
        classes = max(2, len(self.data.labels.classes or ()))
        rank = least_rank(d, min(self.data.ratio(self.data.radius), 1 - 2.0**-50))
        note = (f"bits of all numbers for each datum: at least {least_bits(1, classes):.4g} to realize every labeling; "
                "points at most: an upper bound of what weights in this pattern of nonzeros can shatter (constants "
                "recalled); least Lipschitz constant of anything that is +-1 on balls of this radius, and how far "
                "the member's upper end is above it; sqrt(n d / p): the law of robustness without its constant, p "
                f"nonzeros. On some data in R^{d}, at this ratio, a first layer of rank {rank} is needed, and on some "
                "a width of the order of log n for a radius that does not depend on n (recalled)")
        return Table("What nobody can beat", _BOUNDS, tuple(_bound_row(entry, n, d, self.least(entry))
                                                            for entry in self.entries), note)

    def least(self, entry: Entry) -> Fraction | None:
        """Return the least Lipschitz constant of anything with the entry's promise, None where it promises no value."""
        if entry.promise == "sign" or not self.data.two:
            return None
        return least_slope(self.data.separation(entry.norm), entry.radius)

    def report(self) -> Report:
        """Return both tables with what was checked: sizes, balls, and that no member is below the least slope."""
        notes = [f"{name}: left out, {why}" for name, why in self.left_out]
        for entry in self.entries:
            said = [entry.note, f"proof: {entry.proved_by}" if entry.proof is Verdict.CONSISTENT else ""]
            notes += [f"{entry.name}: {'; '.join(filter(None, said))}"] if any(said) else []
        return Report("Memorizers on the same data", tuple(self._checks()), (self.table, self.bounds), tuple(notes))

    def _checks(self) -> Iterator[Check]:
        written = [entry for entry in self.entries if entry.counts is not None]
        different = sum((entry.nonzeros, entry.depth, entry.width) != (
            entry.counts.nonzeros, entry.counts.depth, entry.counts.width) for entry in written if entry.counts)
        yield _of(judge("members whose size is not that of the formula", exactly(different), "==", 0.0), len(written))
        for verdict, words in ((Verdict.REFUTED, "refuted"), (Verdict.UNDECIDED, "undecided")):
            count = sum(entry.proof is verdict for entry in written)
            claim = f"members whose promise on the balls is {words}"
            found = _of(judge(claim, exactly(count), "==", 0.0), len(written))
            if verdict is Verdict.REFUTED or not count:
                yield found
            else:
                yield Check(found.claim, found.stated, found.observed, Verdict.UNDECIDED, None, len(written),
                            ", ".join(entry.name for entry in written if entry.proof is verdict))
        known = [(entry, self.least(entry)) for entry in written]
        below = sum(entry.slope is not None and entry.slope.upper is not None and entry.slope.upper < least
                    for entry, least in known if least is not None)
        yield _of(judge("members below the least Lipschitz constant", exactly(below), "==", 0.0), len(known))
        for entry, least in known:
            if entry.name.startswith("nearest neighbor") and entry.slope is not None and entry.slope.upper and least:
                yield judge(f"{entry.name}: Lipschitz constant over the least possible",
                            exactly(Fraction(entry.slope.upper) / least), "<=", 1 + 2.0**-50, "1, and one rounding")


def _of(check: Check, instances: int) -> Check:
    return Check(check.claim, check.stated, check.observed, check.verdict, check.tightness, instances, check.note)


def _row(entry: Entry) -> tuple[object, ...]:
    counts = entry.counts
    if counts is None:
        stored: tuple[object, ...] = ("", "", "", "")
    else:
        stored = (counts.parameters, counts.distinct, counts.bits, counts.widest)
    proof = "" if entry.proof is None else entry.proof.value
    slope = "" if entry.slope is None else entry.slope.words
    return (entry.name, entry.nonzeros, *stored, entry.depth, entry.width, float(entry.radius), entry.ratio,
            entry.promise, proof, slope, entry.arithmetic)


def _bound_row(entry: Entry, n: int, d: int, least: Fraction | None) -> tuple[object, ...]:
    counts = entry.counts
    bits, points = ("", "") if counts is None else (f"{counts.bits / n:.4g}", f"{counts.points:.2g}")
    above: object = ""
    if least and entry.slope is not None and entry.slope.upper is not None:
        above = short(Fraction(entry.slope.upper) / least) if entry.slope.upper != math.inf else ""
    return (entry.name, bits, points, "" if least is None else short(least), above,
            smooth_slope(n, d, max(entry.nonzeros, 1)))


def zoo(X: Any, y: Any, *, radius: float | None = None, share: float = 0.5, draws: int = 1000, budget: int = BUDGET,
        rng: np.random.Generator | int = 0, progress: Callable[[str], None] | None = None) -> Zoo:
    """Return every memorizer that the data allow, side by side: sizes, radius, Lipschitz constant, bounds.

    X (n, d) finite, y (n,) of classes. ``radius`` in l_inf, below half the separation; by default ``share`` of that.
    A member that does not reach the radius is built at ``share`` of the largest that it reaches: those of one
    projection, best of ``draws`` directions for the radius, of discriminants and, "for size", for the fewest nonzeros,
    and the uniform grids. ``budget``: nonzeros times data up to which a
    network is written out, proved and run; beyond, its size is given by formula. Proofs in integers take more time and
    are done on some drawn balls where they would be longer; the entry says so. ``progress`` is called with the name
    of each member before it is built. Three classes and more: students and bit planes alone.

    Raises ValueError for real labels, for equal data with different labels, or for a radius that no memorizer has,
    naming the pair. Source: arXiv:2401.13624 for the setting; members and their origins in the documentation.

    >>> found = zoo([[0.0, 0.0], [1.0, 0.25], [0.5, 1.0], [0.25, 0.5]], [0, 1, 0, 1], draws=50)
    >>> entry = found["nearest neighbor"]
    >>> entry.nonzeros == entry.counts.nonzeros, entry.slope.words, found.report().verdict.value
    (True, '8', 'confirmed')
    """
    most = as_count(budget, "zoo", "budget", at_least=1)
    generator = np.random.default_rng(rng)
    data = Data.of(X, y, radius, share, generator)
    entries: list[Entry] = []
    left_out: list[tuple[str, str]] = []
    for direction, prefer in (("", "radius"), ("discriminant", "discriminant"), ("for size", "size")):
        _say(progress, f"directions {direction}".strip())
        try:
            projection: Projection = project(data.X, data.y, draws=draws, prefer=prefer, rng=generator)
        except ValueError as problem:
            left_out.append((f"members of one projection {direction}".strip(), str(problem)))
            continue
        for name, build in line_tasks(data, projection, direction, most // _LONGER, smallest=prefer == "size"):
            _say(progress, name)
            entries.append(build())
    tasks = (grid_tasks(data, most), box_tasks(data, most), memorizer_tasks(data, most))
    for name, build in (task for group in tasks for task in group):
        _say(progress, name)
        try:
            entries.append(build())
        except ValueError as problem:
            left_out.append((name, str(problem)))
    if not data.two:
        left_out.append(("grids, sequential boxes, nearest neighbor",
                         f"two classes only, and y has {data.labels.words}"))
    return Zoo(data, tuple(entries), tuple(left_out))


def _say(progress: Callable[[str], None] | None, name: str) -> None:
    """Tell a listener, if there is one, which member comes next."""
    if progress is not None:
        progress(name)

"""A sampled check of targets: are values, derivatives and stated bounds consistent with each other?

Every inequality that is tried is a theorem about honest targets, with the stated rounding as its only tolerance: the
mean value theorem and Taylor's remainder between pairs of points on many scales, and differences of values. So a
violation refutes the target, whatever the sample; no violation proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count
from constructive.evidence import Bracket, Check, Evidence, Report, compare
from constructive.targets._domains import bounded_box
from constructive.targets._upward import UNIT
from constructive.targets.differences import zoomed
from constructive.targets.target import Target, multi_indices

Array = NDArray[np.float64]
_HALVINGS = 44


@dataclass(frozen=True, slots=True, eq=False)
class _Finding:
    """The largest of a quantity that must not exceed a limit, and where it was seen."""

    size: float
    words: str = ""


def check_target(target: Target, *, samples: int = 500, orders: int | None = None,
                 rng: np.random.Generator | int = 0) -> Report:
    """Return a report, evidence SAMPLED, on whether values, derivatives and bounds of a target fit together.

    Derivatives up to ``orders`` (default: 4 in one or two dimensions, 3 in more, never above the target's order) are
    compared with differences of those one order lower over pairs of points from the whole box down to rounding, and
    every bound with derivatives and with differences of values. REFUTED comes with a witness (point, multi-index,
    found, stated), CONSISTENT means that ``samples`` points and their descents showed no contradiction.
    Raises TypeError for what is not a Target, ValueError for a box with infinite ends.

    >>> from constructive.targets import cosine_product
    >>> check_target(cosine_product([3.0]), samples=50).verdict.value
    'consistent'
    """
    who = "check_target"
    if not isinstance(target, Target):
        raise TypeError(f"{who}: target must be a Target, got {type(target).__name__}")
    box, d = bounded_box(target.box, target.dimension, who), target.dimension
    if not (box.lower < box.upper).all():
        raise ValueError(f"{who}: the box of {target.name} has a side of length 0; widen it")
    n = as_count(samples, who, "samples", at_least=2)
    top = int(min(target.order, (4 if d <= 2 else 3) if orders is None else as_count(orders, who, "orders")))
    draw = np.random.default_rng(rng)
    corners = box.corners() if d <= 8 else box.lower[None, :]
    points = np.concatenate([box.sample(n, draw), corners, (box.lower / 2 + box.upper / 2)[None, :]])
    with np.errstate(all="ignore"):
        checks = list(_checks(target, points, top, n, draw))
    notes = (f"sampled: {len(points)} points and their neighbors, derivatives up to order {top}; "
             "agreement is no proof",)
    return Report(f"Sampled check of the target {target.name}", tuple(checks), notes=notes,
                  seed=rng if isinstance(rng, int) else None)


def _checks(target: Target, points: Array, top: int, samples: int, rng: np.random.Generator) -> Iterator[Check]:
    """Yield the checks in order; non-finite values or bounds leave nothing to compare and end them."""
    finite = [_finite(target, points, alpha) for r in range(top + 1) for alpha in multi_indices(target.dimension, r)]
    infinite = [f"F_{r} = {target.bound(r)}" for r in range(top + 1) if not math.isfinite(target.bound(r))]
    wild = [words for words in [*finite, *infinite] if words]
    yield _judged("values, derivatives and bounds that are not finite", _Finding(len(wild), "; ".join(wild[:3])), 0.0)
    if wild:
        return
    for r in range(top + 1):
        yield _judged(f"largest derivative of order {r} found" if r else "largest value found",
                      _largest(target, points, r, samples, rng), target.bound(r), f"F_{r}")
    for r in range(1, top + 1):
        yield _judged(f"derivatives of order {r}: distance from differences of order {r - 1}, as a share of Taylor's "
                      "remainder and rounding", _mismatch(target, points, r, rng), 1.0)
    yield _judged("largest slope found between points", _slope(target, points, rng), target.lipschitz, "Lipschitz")


def _judged(claim: str, finding: _Finding, stated: float, formula: str = "") -> Check:
    """Return the check that a sampled maximum does not exceed what is stated."""
    observed = Bracket(max(0.0, finding.size), math.inf, Evidence.SAMPLED)
    verdict = compare(observed, stated, "<=")
    tightness = finding.size / stated if 0 < stated < math.inf else None
    name = f" ({formula})" if formula else ""
    return Check(claim, f"<= {stated:.6g}{name}", observed, verdict, tightness, 1, finding.words)


def _witness(x: Array, alpha: tuple[int, ...], found: float, stated: float, what: str) -> str:
    """Return the words of a witness."""
    return f"{what} at x = {x.tolist()}, multi-index {alpha}: found {found:.17g}, stated {stated:.17g}"


def _finite(target: Target, points: Array, alpha: tuple[int, ...]) -> str:
    """Return words for a point where a derivative is not finite, or nothing."""
    found = target.derivative(alpha, points) if any(alpha) else target.values(points)
    if np.shape(found) != (points.shape[0],):
        return f"the derivative {alpha} has shape {np.shape(found)} for {points.shape[0]} points"
    rows = np.flatnonzero(~np.isfinite(found))
    return f"the derivative {alpha} is {found[rows[0]]} at x = {points[rows[0]].tolist()}" if rows.size else ""


def _largest(target: Target, points: Array, r: int, samples: int, rng: np.random.Generator) -> _Finding:
    """Return the largest |D^alpha f|, |alpha| = r, less rounding: as stated at points, and by differences of values."""
    stated, noise = target.bound(r), target.derivative_rounding(r)
    best = _Finding(-math.inf)
    for alpha in multi_indices(target.dimension, r):
        size = np.abs(target.derivative(alpha, points)) - noise
        k = int(np.argmax(size))
        if size[k] > best.size:
            best = _Finding(float(size[k]), _witness(points[k], alpha, float(size[k]), stated, "derivative"))
        for zoom in zoomed(target.values, alpha, target.box, target.rounding, samples, rng) if r else ():
            if zoom.found[zoom.best] > best.size:
                found = float(zoom.found[zoom.best])
                words = _witness(zoom.place[zoom.best], alpha, found, stated,
                                 f"difference of values at scale 2^-{zoom.level[zoom.best]}")
                best = _Finding(found, words)
    return best


def _mismatch(target: Target, points: Array, r: int, rng: np.random.Generator) -> _Finding:
    """Return the worst disagreement of a derivative of order r with differences of those of order r - 1.

    For beta = alpha + e_j and x, y = x + t e_j in the box: ``|D^alpha f(y) - D^alpha f(x)| <= F_r |t|``, also on all
    halves of the segment, and ``|D^alpha f(y) - D^alpha f(x) - t D^beta f(x)| <= F_(r+1) t^2 / 2`` if r + 1 <= order.
    """
    d, best = target.dimension, _Finding(-math.inf)
    for beta in multi_indices(d, r):
        for j in np.flatnonzero(beta):
            alpha = tuple(b - int(i == j) for i, b in enumerate(beta))
            for finding in (_remainder(target, points, alpha, beta, int(j), rng),
                            _halved(target, points, alpha, beta, int(j), rng)):
                best = finding if finding.size > best.size else best
    return best


def _partners(target: Target, points: Array, j: int, rng: np.random.Generator) -> Array:
    """Return for each point another one that differs in coordinate j, at distances from the whole side to 2^-30."""
    low, high = target.box.lower[j], target.box.upper[j]
    x, other = points[:, j], points.copy()
    reach = (high - low) * 2.0 ** -rng.uniform(0, 30, x.size) * rng.choice([-1.0, 1.0], x.size)
    moved = x + reach
    other[:, j] = np.where((moved >= low) & (moved <= high), moved, np.clip(x - reach, low, high))
    return other


def _remainder(target: Target, points: Array, alpha: tuple[int, ...], beta: tuple[int, ...], j: int,
               rng: np.random.Generator) -> _Finding:
    """Return the worst Taylor remainder as a share of what is allowed; at the top order, the typical mismatch."""
    r = sum(beta)
    before, after = target.derivative_rounding(r - 1), target.derivative_rounding(r)
    slope, start = target.derivative(beta, points), target.derivative(alpha, points)
    best = _Finding(-math.inf)
    for _ in range(8):
        other = _partners(target, points, j, rng)
        step = other[:, j] - points[:, j]
        end = target.derivative(alpha, other)
        gap = np.abs(end - start - step * slope)
        sums = 4 * UNIT * (np.abs(end) + np.abs(start) + 2 * np.abs(step * slope))
        allowed = 2 * before + np.abs(step) * after + sums
        if r + 1 <= target.order:
            share = gap / (allowed + target.bound(r + 1) * step * step / 2 + np.finfo(np.float64).tiny)
        else:
            # the derivative may jump, but hardly at most points: short steps must agree on at least half of them
            share = _typical(gap, allowed + 2.0**-10 * target.bound(r) * np.abs(step), step, target.box.upper[j]
                             - target.box.lower[j])
        k = int(np.argmax(share))
        if share[k] > best.size:
            quotient = float((end[k] - start[k]) / step[k]) if step[k] else math.nan
            best = _Finding(float(share[k]), _witness(points[k], beta, quotient, float(slope[k]),
                                                      f"difference quotient over {float(step[k]):.3g}"))
    return best


def _typical(gap: Array, allowed: Array, step: Array, side: float) -> Array:
    """Return shares below 1 unless more than half of the short steps disagree, then those of the short steps."""
    share = gap / (allowed + np.finfo(np.float64).tiny)
    short = np.abs(step) < 2.0**-12 * side
    refuted = short.sum() >= 20 and np.mean(share[short] > 1) > 0.5
    return np.where(short, share, 0.0) if refuted else np.minimum(share, 1.0)


def _halved(target: Target, points: Array, alpha: tuple[int, ...], beta: tuple[int, ...], j: int,
            rng: np.random.Generator) -> _Finding:
    """Return the steepest change of D^alpha as a share of F_r, going on in the steeper half of every segment."""
    stated, noise = target.bound(sum(beta)), target.derivative_rounding(sum(alpha))
    x, y = points, _partners(target, points, j, rng)
    first, last = target.derivative(alpha, x), target.derivative(alpha, y)
    best = _Finding(-math.inf)
    for _ in range(_HALVINGS):
        length = np.abs(y[:, j] - x[:, j])
        change = np.abs(last - first) - 2 * noise - 2 * UNIT * (np.abs(first) + np.abs(last))
        share = change / (stated * length * (1 + 8 * UNIT) + np.finfo(np.float64).tiny)
        k = int(np.argmax(share))
        if share[k] > best.size:
            found = float(change[k] / length[k]) if length[k] else math.inf
            best = _Finding(float(share[k]), _witness(x[k], beta, found, stated,
                                                      f"change of {alpha} over {float(length[k]):.3g}"))
        middle = x / 2 + y / 2
        between = target.derivative(alpha, middle)
        left = (np.abs(between - first) >= np.abs(last - between))[:, None]
        x, y = np.where(left, x, middle), np.where(left, middle, y)
        first, last = np.where(left[:, 0], first, between), np.where(left[:, 0], between, last)
    return best


def _slope(target: Target, points: Array, rng: np.random.Generator) -> _Finding:
    """Return the largest |f(x) - f(z)| / ||x - z||_inf over pairs on many scales, less rounding."""
    best = _Finding(-math.inf)
    side = target.box.upper - target.box.lower
    value = target.values(points)
    for _ in range(8):
        reach = 2.0 ** -rng.uniform(0, 30, (len(points), 1)) * rng.choice([-1.0, 1.0], points.shape)
        other = np.clip(points + side.min() * reach, target.box.lower, target.box.upper)
        distance = np.abs(other - points).max(axis=1)
        change = np.abs(target.values(other) - value) - 2 * target.rounding
        size = np.where(distance > 0, change * (1 - 8 * UNIT) / np.where(distance > 0, distance, 1.0), -math.inf)
        k = int(np.argmax(size))
        if size[k] > best.size:
            words = f"between x = {points[k].tolist()} and {other[k].tolist()}: found {size[k]:.17g}, " \
                    f"stated {target.lipschitz:.17g}"
            best = _Finding(float(size[k]), words)
    return best

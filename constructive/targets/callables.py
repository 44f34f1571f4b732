"""Targets from plain functions: bounds are estimates or claims, and everything that rests on them is SAMPLED."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.domain import Box
from constructive.evidence import Evidence, Verdict
from constructive.targets._domains import bounded_box
from constructive.targets._upward import UNIT
from constructive.targets.checking import check_target
from constructive.targets.differences import Zoom, difference_derivative, zoomed
from constructive.targets.target import Target, multi_indices, stated_rounding

Array = NDArray[np.float64]
_WHO = "target_from_callable"
_MARGIN = 1.1
"""Estimated bounds are the largest derivative found times this."""
_GROWTH = 1.3
"""A function is not smooth where the largest differences still grow by this at four halvings in a row."""


def target_from_callable(function: Callable[..., Any], box: Box | int, *, order: int,
                         bounds: Sequence[float] | None = None,
                         derivatives: Callable[[tuple[int, ...], Array], Array] | None = None,
                         rounding: float | None = None, samples: int = 256,
                         rng: np.random.Generator | int = 0) -> Target:
    """Return the target of a plain function on a box, or on the unit cube of a dimension; evidence SAMPLED.

    ``function`` takes an array (n, d) and returns (n,). If it fails on that with a TypeError, ValueError or
    IndexError, or returns another shape, it is called with one point (d,) at a time (for d = 1 with one float) and must
    return one number. ``bounds`` = (F_0, ..., F_order) are claims and ``derivatives`` (alpha, X) -> (n,) are taken over
    after a sampled check; without them derivatives are those of local interpolating polynomials, and F_r is 1.1 times
    the largest difference quotient found. ``rounding`` is the error of computed values (default 2^-47 max |f|).
    To have bounds that are proved by other means count as proved, build a :class:`Target` directly.
    Raises TypeError for what cannot be called; ValueError for values that are not finite numbers, for a function
    that is not smooth to the stated order as far as sampling sees, and for claims that a sample refutes.

    >>> import numpy as np
    >>> target = target_from_callable(lambda X: np.sin(3 * X[:, 0]), 1, order=2)
    >>> target.evidence.value, 9.0 * 0.99 < target.bound(2) < 9.0 * 1.2
    ('sampled', True)
    """
    if not callable(function):
        raise TypeError(f"{_WHO}: function must be callable, got {type(function).__name__}")
    domain = box if isinstance(box, Box) else Box.cube(as_count(box, _WHO, "box (as a dimension)", at_least=1))
    domain = bounded_box(domain, domain.dimension, _WHO)
    if not (domain.lower < domain.upper).all():
        raise ValueError(f"{_WHO}: box has a side of length 0; widen it")
    top = as_count(order, _WHO, "order", at_least=1, at_most=None if derivatives else 6)
    claims = None if bounds is None else _claims(bounds, top)
    with np.errstate(all="ignore"):  # infinite values are refused below, with the point
        target = _sampled(function, domain, top, claims, derivatives, rounding, samples, np.random.default_rng(rng))
        if claims is not None or derivatives is not None:
            _tried(target, samples, np.random.default_rng(rng))
    return target


def _sampled(function: Callable[..., Any], box: Box, order: int, claims: list[float] | None,
             derivatives: Callable[[tuple[int, ...], Array], Array] | None, rounding: float | None, samples: int,
             rng: np.random.Generator) -> Target:
    """Return the target with whatever is not given estimated."""
    values = _vectorized(function, box, rng)
    peak = _peak(values, box, rng)
    error = 64 * UNIT * peak if rounding is None else as_number(rounding, _WHO, "rounding", at_least=0.0)
    found, points = [peak], [_spread(box, rng)]
    for r in range(1, order + 1):
        size, places = _estimate(values, box, error, r, samples, rng)
        found.append(size)
        points.append(places)
    if derivatives is None:
        points.append(_bends(values, box, error, order, samples, rng))
        where = np.clip(np.concatenate(points), box.lower, box.upper)
        steps = [(error, 1.0)] + [_step(values, box, r, where) for r in range(1, order + 1)]
        for r in range(1, order + 1):  # what will be handed out as derivatives must obey the bounds as well
            sizes = [np.abs(difference_derivative(values, box, alpha, where, steps[r][1])).max()
                     for alpha in multi_indices(box.dimension, r)]
            found[r] = max(found[r], *map(float, sizes))
        noises = [gap + 2.0**-44 * size for (gap, _), size in zip(steps, found, strict=True)]
    else:
        noises = [error] + [64 * UNIT * size for size in found[1:]]
    bounds = [_MARGIN * size for size in found] if claims is None else claims

    def differences(alpha: tuple[int, ...], X: Array) -> Array:
        return difference_derivative(values, box, alpha, X, steps[sum(alpha)][1])

    name = getattr(function, "__name__", type(function).__name__)
    return Target(f"{name} (sampled)", box.dimension, values, derivatives or differences, lambda r: bounds[r],
                  box.dimension * bounds[1], stated_rounding(noises.__getitem__, bounds.__getitem__, order), box, order,
                  Evidence.SAMPLED, lambda r: noises[r])


def _tried(target: Target, samples: int, rng: np.random.Generator) -> None:
    """Raise ValueError where a sample refutes what was claimed of a target."""
    report = check_target(target, samples=samples, orders=int(min(target.order, 4)), rng=rng)
    for check in report.checks:
        if check.verdict is Verdict.REFUTED:
            raise ValueError(f"{_WHO}: {check.claim} {check.stated} is refuted: {check.note}; correct the bounds or "
                             "derivatives, or leave them out to have them estimated")


def _claims(bounds: Sequence[float], order: int) -> list[float]:
    """Return the claimed bounds F_0 .. F_order as numbers >= 0."""
    claims = [as_number(value, _WHO, f"bounds[{r}]", at_least=0.0) for r, value in enumerate(bounds)]
    if len(claims) != order + 1:
        raise ValueError(f"{_WHO}: bounds must be F_0, ..., F_{order}, {order + 1} numbers for order={order}, got "
                         f"{len(claims)}")
    return claims


def _vectorized(function: Callable[..., Any], box: Box, rng: np.random.Generator) -> Callable[[Array], Array]:
    """Return (n, d) -> (n,): the function itself if it works on arrays row by row, else a loop over points."""
    d = box.dimension
    points = box.sample(d + 3, rng)
    try:
        found = np.asarray(function(points))
    except (TypeError, ValueError, IndexError) as error:
        reason = f"{type(error).__name__}: {error}"
    else:
        if found.shape in ((d + 3,), (d + 3, 1)):
            return _checked(function, points, _flat(found))
        reason = f"it returned the shape {found.shape} for an array {points.shape}"
    argument = (lambda x: float(x[0])) if d == 1 else (lambda x: x)
    try:
        one = np.asarray(function(argument(points[0])))
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(f"{_WHO}: function works neither on arrays (n, {d}) ({reason}) nor on one point "
                         f"({type(error).__name__}: {error}); return one number for each row of an array") from error
    if one.shape != ():
        raise ValueError(f"{_WHO}: function works neither on arrays (n, {d}) ({reason}) nor on one point, for which it "
                         f"returned the shape {one.shape}; return one number for each row")
    _real(one)
    return lambda X: np.array([float(function(argument(x))) for x in X])


def _checked(function: Callable[..., Any], points: Array, together: Array) -> Callable[[Array], Array]:
    """Return the function on arrays after a look whether rows are independent of each other."""
    alone = np.array([_flat(np.asarray(function(points[i:i + 1])))[0] for i in range(len(points))])
    if np.isfinite(together).all() and (np.abs(alone - together) > 1e-9 * (1 + np.abs(together).max())).any():
        i = int(np.argmax(np.abs(alone - together)))
        raise ValueError(f"{_WHO}: function gives {float(together[i])!r} for row {i} among others and "
                         f"{float(alone[i])!r} for that row alone; it must treat the rows of its array one by one")
    return lambda X: _flat(np.asarray(function(X)))


def _flat(found: NDArray[Any]) -> Array:
    _real(found)
    return np.asarray(found, dtype=np.float64).reshape(-1)


def _real(found: NDArray[Any]) -> None:
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{_WHO}: function returned values of type {found.dtype}, needs real numbers; take the real "
                         "part or choose a box where it is real")


def _peak(values: Callable[[Array], Array], box: Box, rng: np.random.Generator) -> float:
    """Return the largest |f| over a sample with corners and middle; ValueError where it is not finite."""
    corners = box.corners() if box.dimension <= 8 else box.lower[None, :]
    points = np.concatenate([corners, (box.lower / 2 + box.upper / 2)[None, :], box.sample(1000, rng)])
    with np.errstate(all="ignore"):
        found = values(points)
    bad = np.flatnonzero(~np.isfinite(found))
    if bad.size:
        raise ValueError(f"{_WHO}: function is {found[bad[0]]} at x = {points[bad[0]].tolist()}; choose a box on which "
                         "it is finite")
    return float(np.abs(found).max())


def _estimate(values: Callable[[Array], Array], box: Box, rounding: float, r: int, samples: int,
              rng: np.random.Generator) -> tuple[float, Array]:
    """Return the largest derivative of order r found, and where; ValueError where differences grow without end."""
    largest, places = 0.0, []
    for alpha in multi_indices(box.dimension, r):
        for zoom in zoomed(values, alpha, box, rounding, samples, rng):
            if _grows(zoom):
                raise ValueError(
                    f"{_WHO}: function is not smooth of order {r}: differences {alpha}, divided by their steps, grow "
                    f"from {zoom.found[0]:.3g} to {zoom.found.max():.3g} over {zoom.found.size} halvings near x = "
                    f"{zoom.place[zoom.best].tolist()}; lower order, or move the box, or state rounding if values "
                    "are less precise than 64 units in the last place")
            largest = max(largest, float(zoom.found.max(initial=0.0)))
            places.append(zoom.place[zoom.best])
    return largest, np.array(places)


def _grows(zoom: Zoom) -> bool:
    """Whether the finds that stand clear of rounding still grow at the last four halvings."""
    clear = (zoom.clear > 16) & (zoom.found > 0)
    last = np.flatnonzero(clear)
    if not np.isfinite(zoom.found).all():
        return True
    if last.size < 5 or zoom.level[last[-1]] < 12:
        return False
    tail = zoom.found[last[-5:]]
    return bool((tail[1:] >= _GROWTH * tail[:-1]).all())


def _bends(values: Callable[[Array], Array], box: Box, rounding: float, order: int, samples: int,
           rng: np.random.Generator) -> Array:
    """Return points on many scales round those where derivatives of order ``order`` change most, or jump."""
    places = [zoom.place[zoom.best] for alpha in multi_indices(box.dimension, order + 1)
              for zoom in zoomed(values, alpha, box, rounding, samples, rng)]
    centers = np.repeat(np.array(places), 8, axis=0)
    reach = 2.0 ** -rng.uniform(2, 30, (len(centers), 1)) * rng.uniform(-1, 1, centers.shape)
    return centers + reach * (box.upper - box.lower)


def _spread(box: Box, rng: np.random.Generator) -> Array:
    """Return points of which a third of the coordinates is at an end, a third near one: one-sided stencils err most."""
    share = rng.random((192, box.dimension))
    near = 2.0 ** -rng.uniform(1, 30, share.shape)
    kind = rng.integers(0, 3, share.shape)
    share = np.where(kind == 0, np.round(share), np.where(kind == 1, np.where(share < 0.5, near, 1 - near), share))
    return box.lower + share * (box.upper - box.lower)


def _step(values: Callable[[Array], Array], box: Box, r: int, points: Array) -> tuple[float, float]:
    """Return the estimated error of difference derivatives of order r and the step that makes it least.

    The error is taken to be eight times the distance from derivatives with steps 3/4 as long: truncation and rounding
    are others there. Shorter steps suit functions that vary over a small part of the box.
    """
    found = []
    for shrink in (1.0, 0.25, 0.0625, 0.015625, 0.00390625):
        gaps = [float(np.abs(difference_derivative(values, box, alpha, points, shrink)
                             - difference_derivative(values, box, alpha, points, 0.75 * shrink)).max())
                for alpha in multi_indices(box.dimension, r)]
        found.append((8 * max(gaps), shrink))
    return min(found)

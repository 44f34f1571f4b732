"""Families of instances, from trivial to very hard, each with the reason why its answers are known.

All data lie on coarse dyadic grids, and radii, ramps and teachers are dyadic too: the float32 weights are the exact
numbers of the formulas, and the formulas speak about the stored network without any rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.calculus import affine
from constructive.instances.corners import Corners, distance_from_outside, radius_from_outside
from constructive.instances.instance import Instance, instance
from constructive.instances.mixing import Mixing, balanced, shears, shuffled, unmixed
from constructive.instances.published import Published
from constructive.interop.vnnlib import Comparison
from constructive.network import Network
from constructive.students import Recipe, Student, memorize

Array = NDArray[np.float64]
Wrong = tuple[tuple[Comparison, ...], ...]

NOT_POSITIVE: Wrong = ((Comparison(0, "<=", 0.0),),)
NOT_NEGATIVE: Wrong = ((Comparison(0, ">=", 0.0),),)
_GRID = 1 << 20
"""Radii are multiples of 1 / _GRID, so that the ends of boxes are float32 numbers."""


def _data(n: int, d: int, classes: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    """Return n different points of {0, 1/4, ..., 7/4}^d and their classes, each of which occurs."""
    points: dict[bytes, Array] = {}
    while len(points) < n:
        point = rng.integers(0, 8, d) / 4.0
        points[point.tobytes()] = point
    y = rng.integers(0, classes, n)
    y[:classes] = np.arange(classes)
    return np.array(list(points.values())), y


def _down(value: Fraction) -> Fraction:
    return Fraction(math.floor(value * _GRID), _GRID)


def _up(value: Fraction) -> Fraction:
    return -_down(-value)


def _signed(label: int) -> tuple[str, Wrong]:
    return ("+1", NOT_POSITIVE) if label > 0 else ("-1", NOT_NEGATIVE)


# -- plateaus: inside a memorized box the score is the label --------------------------------------------------


def plateaus(d: int, n: int, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield balls in memorized boxes, where the score is the label exactly, and balls that reach a box of the other."""
    X, y = _data(n, d, 2, rng)
    y = 2 * y - 1
    r, w = 2.0**-5, 2.0**-5
    network = memorize(X, y, radius=r, ramp=w, precision="float32").to_network()
    model = f"plateaus-{d}-{n}"
    for i, rho in ((0, Fraction(r)), (1, Fraction(r) / 2)):
        label, wrong = _signed(int(y[i]))
        exact = Fraction(r) + Fraction(w) / (2 * d)  # the score is 0 there, a tie; other bumps begin 3/16 away
        yield instance("plateaus", model, network, X[i], rho, label, wrong, margin=Fraction(1), robust_radius=exact,
                       theorem="inside a memorized box the score is the label")
        k = _nearest(X, y, i)
        yield instance("plateaus", model, network, X[i], Fraction(float(np.abs(X[k] - X[i]).max())), label, wrong,
                       margin=Fraction(1), witness=X[k], robust_radius=exact,
                       theorem="the witness is a datum of the other class")


def classes(d: int, n: int, count: int, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield the same for several classes: where a bump has the height G, its class leads by 2 B min(1, 4 G).

    So it leads until the ramp ends, at r + w/d, where all scores are 0: a tie.
    """
    X, y = _data(n, d, count, rng)
    r = w = 2.0**-5
    student = memorize(X, y, radius=r, ramp=w, precision="float32")
    network, model, most = student.to_network(), f"classes-{d}-{n}-{count}", 2 * Fraction(student.amplitude)
    exact = Fraction(r) + Fraction(w) / d  # other bumps begin 3/16 away
    for i in (0, 1):
        own, k = int(y[i]), _nearest(X, y, i)
        wrong = tuple((Comparison(own, "<=", rival),) for rival in range(count) if rival != own)
        yield instance("classes", model, network, X[i], Fraction(r), str(own), wrong, margin=most, robust_radius=exact,
                       theorem="inside a memorized box all scores are B or -B")
        yield instance("classes", model, network, X[i], Fraction(float(np.abs(X[k] - X[i]).max())), str(own), wrong,
                       margin=most, witness=X[k], robust_radius=exact,
                       theorem="the witness is a datum of another class")
        rho = _down(exact * Fraction(97, 100))
        lead = most * min(Fraction(1), 4 - 4 * d * (rho - Fraction(r)) / Fraction(w))
        yield instance("classes", model, network, X[i], rho, str(own), wrong, margin=lead, robust_radius=exact,
                       theorem="the lead is 2 B min(1, 4 G), least at the corners")
        rho = _up(exact)
        yield instance("classes", model, network, X[i], rho, str(own), wrong, margin=Fraction(0),
                       witness=X[i] + float(rho), robust_radius=exact,
                       theorem="the witness is a corner off all bumps: a tie")


def _nearest(X: Array, y: NDArray[np.int64], i: int) -> int:
    """Return the nearest datum with another label, in l_inf."""
    return int(np.argmin(np.where(y == y[i], np.inf, np.abs(X - X[i]).max(axis=1))))


# -- ramps: the score is 1 - 2 g/w, and g is largest at a corner ----------------------------------------------


def ramps(d: int, n: int, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield balls that reach into the ramp of one bump: the exact radius is r + w / (2 d)."""
    yield from _bump_instances("ramps", d, n, unmixed(d), np.zeros(d), rng)


def mixtures(d: int, n: int, rng: np.random.Generator, *, sheared: bool = False,
             centered: bool = True) -> Iterator[Instance]:
    """Yield the same behind a change of basis, which decorrelates what bounds treat one by one.

    ``sheared`` multiplies further by d random shears; ``centered`` False moves the ball off the datum, into the ramp.
    """
    mixing = shuffled(d, rng).then(balanced(d)).then(shuffled(d, rng))
    if sheared:
        mixing = mixing.then(shears(d, d // 2, rng))
    shift = np.zeros(d) if centered else rng.choice([-1.0, 1.0], d) * 2.0**-10
    tail = ("-sheared" if sheared else "") + ("" if centered else "-off")
    yield from _bump_instances(f"mixtures{tail}", d, n, mixing, shift, rng)


def _bump_instances(family: str, d: int, n: int, mixing: Mixing, shift: Array,
                    rng: np.random.Generator) -> Iterator[Instance]:
    X, y = _data(n, d, 2, rng)
    y = 2 * y - 1
    r, w = 2.0**-9, 2.0**-4
    student = memorize(X, y, radius=r, ramp=w, recipe=Recipe(one_sided=True), precision="float32")
    network = student.to_network() @ affine(mixing.matrix).astype(np.float32)
    model = f"{family}-{d}-{n}"
    i = int(np.argmax(y))
    center = mixing.inverse @ X[i] + shift
    corners = Corners.of(mixing.matrix, (mixing.matrix @ center - X[i]).tolist(), r, w)
    exact = corners.robust_radius()
    reach = np.abs(mixing.matrix @ center - X[i]) + 2 * float(exact) * np.abs(mixing.matrix).sum(axis=1)
    if not _alone(X[i], reach + r + w, X[(y > 0) & (np.arange(n) != i)]):
        raise ValueError(f"instances: another bump reaches the ball of {model}; draw other data")
    parts = (Fraction(3, 4), Fraction(9, 10), Fraction(97, 100), 1 - Fraction(1, 2**12))
    more = (Fraction(1), 1 + Fraction(1, 2**12), Fraction(101, 100), Fraction(5, 4))
    # a multiple of the grid stands for two parts where the radius is small
    for rho in dict.fromkeys(_down(exact * part) if part < 1 else _up(exact * part) for part in (*parts, *more)):
        score = corners.least_score(rho)
        if score > 0:
            yield instance(family, model, network, center, rho, "+1", NOT_POSITIVE, margin=score, robust_radius=exact,
                           theorem="the score is 1 - 2 g/w, g convex, so it is least at a corner")
        else:
            witness = center + float(rho) * corners.worst(rho)[1]
            yield instance(family, model, network, center, rho, "+1", NOT_POSITIVE, margin=-score, witness=witness,
                           robust_radius=exact, theorem="the witness is the corner where g is largest")


def _alone(center: Array, reach: Array, others: Array) -> bool:
    """Return whether no box of half-sides ``reach`` round the others contains the center."""
    return bool((np.abs(others - center) > reach).any(axis=1).all())


def outsides(d: int, n: int, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield balls outside all bumps, which must not come within w/2, in l_1, of the nearest box."""
    X, y = _data(n, d, 2, rng)
    y = 2 * y - 1
    r, w = 2.0**-6, 2.0**-4
    student = memorize(X, y, radius=r, ramp=w, recipe=Recipe(one_sided=True), precision="float32")
    network, model = student.to_network(), f"outsides-{d}-{n}"
    bumps = X[y > 0]
    center = bumps[0] + rng.choice([-1.0, 1.0], d) * np.array([2.0**-4, *[2.0**-5] * (d - 1)])
    radii = [radius_from_outside((center - z).tolist(), r, w) for z in bumps]
    exact = min(radii)
    z = bumps[radii.index(exact)]
    for part in (Fraction(1, 2), Fraction(9, 10), Fraction(11, 10), Fraction(5, 4)):
        rho = _down(exact * part)
        least = min(distance_from_outside((center - other).tolist(), r, rho) for other in bumps)
        score = max(Fraction(-1), 1 - 2 * least / Fraction(w))
        if score < 0:
            yield instance("outsides", model, network, center, rho, "-1", NOT_NEGATIVE, margin=-score,
                           robust_radius=exact, theorem="the score is 1 - 2 g/w for the nearest box, or -1")
        else:
            witness = np.clip(z, center - float(rho), center + float(rho))
            yield instance("outsides", model, network, center, rho, "-1", NOT_NEGATIVE, margin=score, witness=witness,
                           robust_radius=exact, theorem="the witness is the point of the ball nearest to the box")


# -- the published gate, and regions left to the teacher --------------------------------------------------------


def published(d: int, n: int, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield balls round data of the published construction, whose gate has exact pieces on the lines that matter."""
    X, y = _data(n, d, 2, rng)
    y = 2 * y - 1
    r, w = 2.0**-5, 2.0**-5
    slope = 2.0**-3 / (1 << (d - 1).bit_length())
    teacher = affine(np.full((1, d), slope), [2.0**-2]).astype(np.float32)  # positive as far as balls reach
    recipe = Recipe("paper", gate="product", bump="published", epsilon=2.0**-10)
    network = memorize(X, y, radius=r, ramp=w, teacher=teacher, recipe=recipe, precision="float32").to_network()
    model = f"published-{d}-{n}"
    for i in (0, 1):
        ball = Published.of(network, teacher, X, y, i, r, w)
        (label, wrong), exact = _signed(ball.sign), ball.robust_radius()
        yield instance("published", model, network, X[i], Fraction(r), label, wrong, margin=Fraction(1),
                       robust_radius=exact, theorem="on a box 1 - S is 0, and so is the product with it")
        k = _nearest(X, y, i)
        yield instance("published", model, network, X[i], Fraction(float(np.abs(X[k] - X[i]).max())), label, wrong,
                       margin=abs(network.exact(X[k].tolist())[0]), witness=X[k], robust_radius=exact,
                       theorem="the witness is a datum of the other class")
        for part in (Fraction(9, 10), Fraction(97, 100)):
            rho = _down(exact * part)
            margin, tight = ball.least_lead(rho)
            yield instance("published", model, network, X[i], rho, label, wrong, margin=margin, tight=tight,
                           robust_radius=exact, theorem="the score is least at a corner, or nearest to a box")
        rho = _up(exact * Fraction(101, 100))
        lead, place = min((ball.sign * network.exact(place)[0], place) for place in ball.worst(rho))
        yield instance("published", model, network, X[i], rho, label, wrong, margin=-lead,
                       witness=np.array([float(v) for v in place]), robust_radius=exact,
                       theorem="the witness is a corner, or the point nearest to a box")


def patches(d: int, n: int, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield balls that no bump reaches, where the student is its affine teacher: radius |T(x)| over the slopes' sum."""
    slope = rng.choice([-1.0, 1.0], d) * 2.0 ** -(1 + (d - 1).bit_length())
    teacher = affine(slope[None], [2.0**-6 - slope @ np.full(d, 0.75)])
    total = Fraction(float(np.abs(slope).sum()))
    student, i, taught = _patched(d, n, teacher, float(total), rng)
    network, model, center = student.to_network(), f"patches-{d}-{n}", student.X[i]
    label, wrong = _signed(1 if taught > 0 else -1)
    exact = abs(Fraction(taught)) / total
    parts = (Fraction(1, 2), Fraction(9, 10), Fraction(1), Fraction(11, 10), Fraction(3, 2))
    # the grid's last radius before the answer changes and its first one after: one number if the radius is on the grid
    for rho in sorted({_down(exact * part) for part in parts} | {_up(exact)}):
        score = abs(Fraction(taught)) - rho * total
        if score > 0:
            yield instance("patches", model, network, center, rho, label, wrong, margin=score, robust_radius=exact,
                           theorem="where no bump reaches, the student is its affine teacher")
        else:
            witness = center - float(rho) * np.sign(taught) * np.sign(slope)
            yield instance("patches", model, network, center, rho, label, wrong, margin=-score, witness=witness,
                           robust_radius=exact, theorem="the witness is the corner where the teacher is least")


def _patched(d: int, n: int, teacher: Network, total: float, rng: np.random.Generator) -> tuple[Student, int, float]:
    """Return a patched student, and the datum with the least score |T| whose ball of twice its radius meets no bump."""
    r, recipe = 2.0**-7, Recipe(patch=True)
    while True:  # half of the draws have such a datum
        X, _ = _data(n, d, 2, rng)
        taught = teacher(X)[:, 0]
        y = np.where(taught > 0, 1, -1)
        y[rng.choice(n, n // 4, replace=False)] *= -1  # wrong labels need bumps
        student = memorize(X, y, radius=r, ramp=r, teacher=teacher.astype(np.float32), recipe=recipe,
                           precision="float32")
        centers = _bump_centers(student)
        for i in np.argsort(np.abs(taught)).tolist():
            reach = np.full(d, 2 * abs(taught[i]) / total + 2 * r)
            if np.sign(taught[i]) == y[i] and _alone(X[i], reach, centers):
                return student, i, float(taught[i])


def _bump_centers(student: Student) -> Array:
    if student.bumps is None:
        return np.zeros((0, student.X.shape[1]))
    lower, upper = np.asarray(student.bumps.lower), np.asarray(student.bumps.upper)  # type: ignore[union-attr]
    return lower + (upper - lower) / 2


# -- the suite --------------------------------------------------------------------------------------------------


def suite(rng: np.random.Generator, largest: int = 16) -> Iterator[Instance]:
    """Yield all instances with at most ``largest`` inputs, networks drawn with rng: easy families first."""
    for d, n in ((2, 6), (4, 12), (16, 32)):
        if d <= largest:
            yield from plateaus(d, n, rng)
    for d, n, count in ((2, 9, 3), (5, 12, 4)):
        if d <= largest:
            yield from classes(d, n, count, rng)
    for d, n in ((2, 8), (6, 12)):
        if d <= largest:
            yield from patches(d, n, rng)
            yield from outsides(d, n, rng)
            yield from published(d, n, rng)
    for d, n in ((2, 6), (3, 8), (8, 16)):
        if d <= largest:
            yield from ramps(d, n, rng)
    for d, n in ((2, 4), (2, 8), (4, 6), (4, 12), (6, 8), (8, 8), (8, 24), (12, 12), (16, 16)):
        if d <= largest:
            yield from mixtures(d, n, rng)
            if d <= 8:
                yield from mixtures(d, n, rng, centered=False)
                if d > 2:
                    yield from mixtures(d, n, rng, sheared=True)

"""How steep a student is: slopes proved in its weights, and a formula from its bumps.

The clip gate hands through one of three functions, the teacher or an envelope -B + sum (B + y) G, B - sum (B - y) G, so
that its slope is that of one of them. With disjoint supports one bump acts at a time and

    Lip(f) <= max(Lip(T), max_i (B + |y_i|) J_i / ramp),

J_i = 1 in l_1, the number of coordinates in which bump i has faces inside the domain in l_inf, its root in l_2;
attained at a corner where the teacher pushes. Where supports cross, all bumps whose supports meet one count together,
coordinate by coordinate. The other gates add bumps to the teacher, and slopes with them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_norm
from constructive.certificates.lipschitz import lipschitz
from constructive.domain import Box
from constructive.evidence import Bracket
from constructive.students import Student
from constructive.students.balls import BallBumps
from constructive.students.boxes import Bumps

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_TRIED = 16
"""Points at which slopes are proved, those near which the scores change most."""
_HEIGHTS = (1 - 2.0**-4, 0.5, 2.0**-3, 2.0**-5)
"""Heights of a bump that are looked at."""
_STEP = 2.0**-6
"""How far the scores are compared, as a part of the height."""
_BLOCK_NUMBERS = 1 << 22


def student_lipschitz(student: Student, *, norm: float = 2.0, box: Box | None = None,
                      budget: int | None = None, rng: np.random.Generator | int = 0) -> Bracket:
    """Return a bracket of the Lipschitz constant of a student's scores over a box, by default the whole space.

    ``norm`` inf, 2 or 1 of the inputs; the steepest score counts. Lower end: slopes proved in the weights, among other
    points just outside corners of bumps against which the teacher pushes. Upper end: the formula of
    :func:`slope_formula`, or bounds from the weights on ``budget`` parts of the box where those are smaller; see
    :func:`constructive.certificates.lipschitz.lipschitz`. Raises ValueError for an unknown norm.

    >>> from constructive.students import memorize
    >>> student_lipschitz(memorize([[0.0], [1.0]], [-1, 1], radius=0.25, ramp=0.125)).lower
    16.0
    """
    order, draws = as_norm(norm, "student_lipschitz"), np.random.default_rng(rng)
    domain = Box(*(np.full(student.X.shape[1], end) for end in (-np.inf, np.inf))) if box is None else box
    found = lipschitz(student.to_network(), domain, norm=order, budget=budget, rng=draws,
                      points=steep_points(student, domain, draws))
    return Bracket(found.lower, min(found.upper, slope_formula(student, norm=order, box=domain, budget=budget)))


def slope_formula(student: Student, *, norm: float = 2.0, box: Box | None = None,
                  budget: int | None = None) -> float:
    """Return an upper bound of the student's Lipschitz constant from its bumps and its teacher's constant.

    See the module's formula; sums of bumps where supports cross; infinite for the gates "height" and "product". The
    teacher's constant is bounded over the box, by default the whole space, on ``budget`` parts.
    """
    order, bumps, gate = as_norm(norm, "slope_formula"), student.bumps, student.recipe.gate
    taught = lipschitz(student.teacher.to_network(), box, norm=order, budget=budget).upper
    if bumps is None:
        return taught
    if gate in ("height", "product"):
        return math.inf
    domain = student.recipe.domain
    kept = domain is None or (box is not None and bool(
        (box.lower >= np.asarray(domain[0])).all() and (box.upper <= np.asarray(domain[1])).all()))
    # bumps whose faces were left out may meet outside the recipe's domain
    together = None if bumps.supports_disjoint and kept else supports_meeting(bumps)
    steep = max(_steepest(bumps, weights, together, order, box) for weights in _weights(student))
    # weights are rounded: reciprocals of ramps, the turns of a folding
    steep *= 1.0 + (2.0**-20 if student.precision == "float32" else 2.0**-40)
    return max(taught, steep) if gate == "clip" and student.labels.outputs == 1 else taught + steep


def _weights(student: Student) -> list[Array]:
    """Return with which weights (m,) bumps enter each function that the gate hands through or adds."""
    bumps, push = student.bumps, student.push
    if bumps is None:
        return []
    if student.labels.outputs == 1:
        if student.recipe.gate == "clip":
            return [student.amplitude + bumps.scores, student.amplitude - bumps.scores]
        return [push * bumps.scores]
    own = bumps.index == np.arange(student.labels.outputs)[:, None]
    if student.recipe.gate == "argmax":
        return list(push * own.astype(np.float64))
    return list(push * (2.0 * own - 1.0))


def _steepest(bumps: Bumps | BallBumps, weights: Array, together: Flags | None, norm: float,
              box: Box | None) -> float:
    """Return the largest dual norm of a sum of slopes over bumps that may act together (None: one at a time)."""
    if isinstance(bumps, BallBumps):
        d = bumps.centers.shape[1] if bumps.projection is None else bumps.projection.shape[1]
        # gradients of an l_1 norm have entries +-1, those of an l_2 norm the length 1
        many = {1.0: 1, 2.0: d if bumps.norm == 1.0 else 1, math.inf: d * d if bumps.norm == 1.0 else d}[norm]
        single = np.abs(weights) * math.sqrt(many) / bumps.fall
        return float((single if together is None else together @ single).max())
    # faces that no point of the box is beyond have no slope there
    least, most = (-np.inf, np.inf) if box is None else (box.lower, box.upper)
    low, high = bumps.lower > least, bumps.upper < most
    if together is None:
        many = (low | high).sum(axis=1)
        return float((np.abs(weights) / bumps.ramp * {1.0: 1.0, 2.0: np.sqrt(many), math.inf: many}[norm]).max())
    # beyond an upper face a bump falls, beyond a lower one it rises
    up, down = np.maximum(weights, 0.0)[:, None], np.maximum(-weights, 0.0)[:, None]
    rising = together @ (low * up + high * down)
    falling = together @ (high * up + low * down)
    sizes = np.maximum(rising, falling) / bumps.ramp
    return float(np.linalg.norm(sizes, ord={1.0: np.inf, 2.0: 2, math.inf: 1}[norm], axis=1).max())


def supports_meeting(bumps: Bumps | BallBumps) -> Flags:
    """Return which pairs (m, m) of supports may meet, every bump with itself.

    Decided with room for rounding: a pair that only comes near may be counted.
    """
    m = bumps.count
    out = np.zeros((m, m), bool)
    if isinstance(bumps, BallBumps):
        block = max(1, _BLOCK_NUMBERS // (m * bumps.centers.shape[1]))
        for a in range(0, m, block):
            apart = np.linalg.norm(bumps.centers[a:a + block, None] - bumps.centers, ord=bumps.norm, axis=2)
            out[a:a + block] = apart <= 2 * (bumps.radius + bumps.ramp) * (1.0 + 2.0**-30) + 2 * bumps.slack
        return out
    block = max(1, _BLOCK_NUMBERS // (m * bumps.lower.shape[1]))
    for a in range(0, m, block):
        part = slice(a, a + block)
        gaps = np.maximum(bumps.lower[None] - bumps.upper[part, None], bumps.lower[part, None] - bumps.upper[None])
        out[part] = np.maximum(gaps, 0.0).sum(axis=2) <= 2 * bumps.ramp * (1.0 + 2.0**-30)
    return out


def steep_points(student: Student, box: Box, rng: np.random.Generator) -> Array:
    """Return points (n, d) of the box beyond corners of bumps, those near which the scores change most.

    Several heights of each bump are looked at: a gate that clips is flat where a bump outvotes the teacher by far.
    """
    bumps = student.bumps
    if bumps is None:
        return np.clip(student.X[:_TRIED], box.lower, box.upper)
    inner, offset = _ways_out(student, bumps, box, rng)
    points, rises = [], []
    for height in _HEIGHTS:
        near, far = (np.clip(inner + share * offset, box.lower, box.upper) for share in (
            1.0 - height, 1.0 - height * (1.0 - _STEP)))
        length = np.linalg.norm(far - near, ord=1, axis=1)
        rise = np.abs(student(far) - student(near)).max(axis=1)
        points.append(near + (far - near) / 2)
        rises.append(rise / np.maximum(length, np.finfo(np.float64).tiny))
    everything, rise = np.concatenate(points), np.concatenate(rises)
    return np.clip(everything[np.argsort(-rise, kind="stable")[:_TRIED]], box.lower, box.upper)


def _ways_out(student: Student, bumps: Bumps | BallBumps, box: Box, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return for each bump a point (m, d) where it is still 1, at an edge, and the offset to one where it is 0."""
    center = np.clip(student.X[bumps.members], box.lower, box.upper)
    if isinstance(bumps, BallBumps):
        ways = rng.normal(size=bumps.centers.shape)
        ways = ways if bumps.projection is None else ways @ bumps.projection
        ways = np.where(np.where(ways > 0, center < box.upper, center > box.lower), ways, 0.0)  # not out of the box
        image = ways if bumps.projection is None else ways @ bumps.projection.T
        length = np.linalg.norm(image, ord=bumps.norm, axis=1, keepdims=True)
        ways = ways / np.maximum(length, np.finfo(np.float64).tiny)
        return center + ways * bumps.plateau, ways * bumps.fall
    low, high = np.isfinite(bumps.lower), np.isfinite(bumps.upper)
    up = high & (bumps.upper < box.upper) & (~low | (rng.random(low.shape) < 0.5) | (bumps.lower <= box.lower))
    down = low & ~up & (bumps.lower > box.lower)
    many = np.maximum((up | down).sum(axis=1), 1)[:, None]
    center = np.clip(center + rng.uniform(-0.5, 0.5, center.shape) * student.radius, box.lower, box.upper)
    inner = np.where(up, bumps.upper, np.where(down, bumps.lower, center))
    return inner, (up.astype(np.float64) - down) * bumps.ramp / many

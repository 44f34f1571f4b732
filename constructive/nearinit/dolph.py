"""Steps from the Dolph-Chebyshev window: a polynomial in closed form whose degree is of order 1 / (cap gap).

The window K(th) = T_2D(cos(th / 2) / cos(a / 2)) is at most 1 outside [-a, a] and large inside; p(cos th) is the part
of its mass within ``middle`` of th. If 2a is the angle between own and foreign set and ``middle`` lies half-way, an
own point sees all of [-a, a], a foreign one nothing of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import next_fast_len, rfft

from constructive._checks import as_count
from constructive.nearinit.nodes import chebyshev_rounding, chebyshev_slope, chebyshev_values, largest_distance
from constructive.nearinit.step import StepTask

Array = NDArray[np.float64]

LARGEST_DEGREE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class ChebyshevStep:
    """p(t) = sum_j c_j T_j(t), j = 0, ..., degree, the closed form above; made by :func:`chebyshev_step`.

    ``stated`` are the theorem's errors of the polynomial before rounding, (2 pi - 2 middle) / M and 2 middle / M, with
    M the window's mass and ``middle`` the mean of the two angles. ``certified`` are proved for the stored coefficients
    and for every computed value: from values at 16 nodes a degree, mostly far smaller than stated.
    """

    task: StepTask
    coefficients: Array
    stated: tuple[float, float]
    certified: tuple[float, float]

    @property
    def degree(self) -> int:
        """The degree D."""
        return self.coefficients.size - 1

    @property
    def total(self) -> float:
        """sum_j |c_j|; coefficients of powers can be larger by (1 + sqrt 2)^degree: do not expand."""
        return float(np.abs(self.coefficients).sum())

    def __call__(self, t: ArrayLike) -> Array:
        x = np.clip(np.asarray(t, dtype=np.float64), -1.0, 1.0)
        return chebyshev_values(self.coefficients, x)[0]


def log_mass(width: float, degree: int) -> float:
    """Return log M, M the integral over the circle of T_2D(cos(th / 2) / cos(width / 2)), D = degree.

    M = pi (P_D(X) - P_(D-1)(X)), X = 1 + 2 tan^2(width / 2), P the Legendre polynomials: grows with D and never
    cancels, by the recurrence for the differences. Needs 0 < width < pi.

    >>> round(math.exp(log_mass(0.5, 1)) / (2 * math.pi * math.tan(0.25) ** 2), 12)
    1.0
    """
    return _masses(width, degree)[-1]


def _masses(width: float, degree: int, enough: float = math.inf) -> list[float]:
    # log M for degree 1, 2, ..., stopping at ``degree`` or once ``enough`` is reached.
    extra = 2.0 * math.tan(0.5 * width) ** 2  # X - 1
    value, step, scale = 1.0, 0.0, math.log(math.pi)
    found: list[float] = []
    for n in range(degree):
        step = ((2 * n + 1) * extra * value + n * step) / (n + 1)
        value += step
        if value > 1e200:
            value, step, scale = value * 1e-200, step * 1e-200, scale + 200.0 * math.log(10.0)
        found.append(scale + math.log(step))
        if found[-1] >= enough:
            break
    return found


def _angles(task: StepTask) -> tuple[float, float]:
    # Half the angle between the sets, and the angle in the middle.
    return 0.5 * task.window, 0.5 * (task.own_angle + task.foreign_angle)


def stated_degree(task: StepTask) -> int:
    """Return the smallest degree for which the theorem's errors meet the task; about 16 / task.window.

    Raises ValueError above 4096.

    >>> from constructive.nearinit.step import separated_task
    >>> stated_degree(separated_task(1.0, 0.1, own_error=0.05, foreign_error=0.0025))
    19
    """
    half, middle = _angles(task)
    needed = math.log(2.0 * max((math.pi - middle) / task.own_error, middle / task.foreign_error))
    found = _masses(half, LARGEST_DEGREE + 1, needed)
    if len(found) > LARGEST_DEGREE:
        raise ValueError(f"stated_degree: the angle {task.window:.3g} between own={task.own!r} and foreign="
                         f"{task.foreign!r} needs a degree above {LARGEST_DEGREE}; pass fewer or smaller caps, "
                         "or larger errors")
    return len(found)


def certified_degree(task: StepTask) -> int:
    """Return the smallest degree whose certified errors meet the task: two thirds of the stated degree or less."""
    last = stated_degree(task)
    near, far = task.points(64)
    for degree in range(1, last):
        coefficients = _coefficients(task, degree)
        seen = (np.abs(chebyshev_values(coefficients, near)[0] - 1.0).max(),
                np.abs(chebyshev_values(coefficients, far)[0]).max())
        if seen[0] <= task.own_error and seen[1] <= task.foreign_error:
            found = chebyshev_step(task, degree)
            if found.certified[0] <= task.own_error and found.certified[1] <= task.foreign_error:
                return degree
    return last


def chebyshev_step(task: StepTask, degree: int | None = None) -> ChebyshevStep:
    """Return the closed-form step of a degree, by default the smallest for which the theorem meets the task.

    With a degree of your own, 1 to 4096, look at ``certified``: any degree is legal.

    >>> from constructive.nearinit.step import separated_task
    >>> step = chebyshev_step(separated_task(1.0, 0.1, own_error=0.05, foreign_error=0.0025))
    >>> step.degree, round(step.stated[1], 6), step.certified[1] < 0.0002
    (19, 0.002019, True)
    """
    who = "chebyshev_step"
    size = (stated_degree(task) if degree is None
            else as_count(degree, who, "degree", at_least=1, at_most=LARGEST_DEGREE))
    half, middle = _angles(task)
    coefficients = _coefficients(task, size)
    coefficients.setflags(write=False)
    mass = log_mass(half, size)
    stated = (math.exp(math.log(2.0 * (math.pi - middle)) - mass), math.exp(math.log(2.0 * middle) - mass))
    return ChebyshevStep(task, coefficients, stated, certify_coefficients(task, coefficients))


def certify_coefficients(task: StepTask, coefficients: Array) -> tuple[float, float]:
    """Return proved bounds of |p - 1| on [own, 1] and |p| on [least, foreign] for p = sum_j c_j T_j.

    They hold for p and for every value that the recurrence computes.
    """
    slope, rounding, degree = chebyshev_slope(coefficients), chebyshev_rounding(coefficients), coefficients.size - 1

    def bound(lower: float, upper: float, goal: float) -> float:
        return rounding + largest_distance(lambda t: chebyshev_values(coefficients, t), degree, slope, lower, upper,
                                           goal)

    return bound(task.own, 1.0, 1.0), bound(task.least, task.foreign, 0.0)


def _coefficients(task: StepTask, degree: int) -> Array:
    """Return c_0 = middle / pi and c_j = 2 F_j sin(j middle) / (pi j F_0), F the window's Fourier coefficients.

    The window is even of degree D: 2D + 1 samples give F exactly, up to rounding. Samples are scaled by the largest.
    """
    half, middle = _angles(task)
    count = int(next_fast_len(2 * degree + 1, real=True))
    x = np.abs(np.cos(np.arange(count) * (math.pi / count))) / math.cos(0.5 * half)
    top = math.acosh(1.0 / math.cos(0.5 * half))
    inside = 2.0 * degree * np.arccosh(np.maximum(x, 1.0))
    grown = 0.5 * (np.exp(inside - 2.0 * degree * top) + np.exp(-inside - 2.0 * degree * top))
    flat = np.cos(2.0 * degree * np.arccos(np.minimum(x, 1.0))) * math.exp(-2.0 * degree * top)
    fourier = rfft(np.where(x > 1.0, grown, flat)).real[: degree + 1]
    j = np.arange(1, degree + 1)
    tail = 2.0 * fourier[1:] * np.sin(j * middle) / (math.pi * j * fourier[0])
    return np.concatenate([[middle / math.pi], tail])

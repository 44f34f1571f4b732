"""How long an interpolator must be: bounds on tr((X X^T + n ridge)^-1), the squared norm that unit noise adds to it.

Four forms, from the surest to the simplest: for one design (:func:`trace_floors`), with a probability
(:func:`likely_trace_floors`), in expectation (:func:`expected_trace`), and asymptotically (1 / effective ridge). The
adversarial risk of every interpolator follows (:func:`interpolator_floor`). They speak of l_2; an attack in l_r with
r >= 2 has a dual norm at least as large, so the lower bounds hold for it as they stand.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.evidence import Bracket
from constructive.ridge.effective import effective_ridge
from constructive.ridge.spectra import Spectrum

Array = NDArray[np.float64]
ROUNDING = 2.0**-30
"""Relative slack of the closed forms below: sums of positive numbers and one root, each good to far better."""


def trace_floors(X: ArrayLike) -> Array:
    """Return (n - k)^2 / |U_k^T X_{>k}|_F^2 for k = 0..n-1: each is at most tr((X X^T)^-1), surely.

    U_k (n, n - k) is an orthonormal basis orthogonal to the first k columns of X (n, p), p >= n; nothing is drawn or
    assumed but these numbers. Infinite where X has fewer than n independent columns. Columns in order of falling
    variance make the largest of them large. Rounding moves them by about 1e-12, relative.

    Raises ValueError if p < n: X X^T is singular then, and the statement false of its pseudo-inverse.
    Source: Cauchy interlacing, then (sum 1 / m)(sum m) >= (number)^2.

    >>> X = [[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]]
    >>> trace_floors(X).round(4).tolist(), round(1 / 25 + 1 / 4, 4)
    ([0.1379, 0.25], 0.29)
    """
    design = as_points(X, "trace_floors")
    n, p = design.shape
    if p < n:
        raise ValueError(f"trace_floors: X has p={p} < n={n} columns, so X X^T is singular; pass p >= n")
    scale = float(np.abs(design).max())
    if scale == 0.0:
        return np.full(n, math.inf)
    design = design / scale  # squares of the entries neither vanish all nor overflow
    turn, _ = np.linalg.qr(design[:, :n])  # its columns k.. are orthogonal to the first k columns of X
    rows = np.square(turn.T @ design).sum(axis=1)
    # rows below k of the turned design vanish in the first k columns: what is left is U_k^T X_{>k}
    left = np.cumsum(rows[::-1])[::-1]
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.arange(n, 0, -1.0) ** 2 / left / scale / scale)


def likely_trace_floors(spectrum: Spectrum, n: int, confidence: float) -> Array:
    """Return b_k, k = 0..n-1, with P(tr((X X^T)^-1) >= b_k) >= confidence for each k: rows of X ~ N(0, Sigma).

    b_k = (n - k)^2 / ((n - k) s_k + 2 sqrt(t (n - k) q_k) + 2 lambda_{k+1} t), t = -log(1 - confidence), s_k and q_k
    the sums of eigenvalues and of their squares beyond the k largest. k is chosen before seeing X: the largest b_k,
    which depends on the spectrum alone, has the same confidence.

    Raises ValueError if the spectrum has fewer than n eigenvalues, or confidence is not in (0, 1).
    Source: tail of a weighted chi-squared sum (Laurent and Massart), in the bound of :func:`trace_floors`.
    """
    who = "likely_trace_floors"
    count, t = _samples(spectrum, n, who), -math.log1p(-as_number(confidence, who, "confidence", above=0.0, below=1.0))
    s, q = spectrum.tail(np.arange(count))
    left, largest = np.arange(count, 0, -1.0), spectrum.following(np.arange(count))
    return np.asarray(left**2 / (left * s + 2.0 * np.sqrt(t * left * q) + 2.0 * largest * t))


def expected_trace_floors(spectrum: Spectrum, n: int) -> Array:
    """Return (n - k) / s_k, k = 0..n-1: each at most E tr((X X^T)^-1), rows of X ~ N(0, Sigma), p >= n.

    An expectation over designs: one design may fall below. Raises ValueError if the spectrum has fewer than n
    eigenvalues, where the statement is false (lambda_j = j^-1.1, p = 10, n = 20: 138.5 against a true 7.37).
    """
    count = _samples(spectrum, n, "expected_trace_floors")
    return np.asarray(np.arange(count, 0, -1.0) / spectrum.tail(np.arange(count))[0])


def expected_trace(spectrum: Spectrum, n: int, ridge: float = 0.0) -> Bracket:
    """Return bounds on E tr((X X^T + n ridge I)^-1) for rows of X ~ N(0, Sigma): what unit noise adds to the norm.

    Lower: 1 / kappa, kappa the effective ridge of the spectrum with its largest eigenvalue counted once more, and at
    ridge 0 the largest of :func:`expected_trace_floors`. Upper: n / max_m (lambda_m (m - n - 1)_+ + n ridge).
    At ridge 0 with p < n the pseudo-inverse is meant, and the value is exact: sum 1 / lambda_j / (n - p - 1); it is
    infinite for |p - n| <= 1. The noise energy of a ridge fit is smaller than noise_variance times this unless ridge
    is 0, where it is equal.

    >>> bounds = expected_trace(Spectrum.of([1.0] * 240, [0.0] * 240), 60)  # isotropic: exactly 60 / 179
    >>> round(bounds.lower, 4), round(bounds.upper, 4)
    (0.3315, 0.3352)
    """
    who = "expected_trace"
    count, penalty = as_count(n, who, "n", at_least=1), as_number(ridge, who, "ridge", at_least=0.0)
    p = spectrum.dimension
    if penalty == 0.0:
        if abs(p - count) <= 1:
            return Bracket(math.inf, math.inf)
        if p < count:
            exact = float((spectrum.multiplicities / spectrum.eigenvalues).sum()) / (count - p - 1)
            return Bracket(exact * (1.0 - ROUNDING), exact * (1.0 + ROUNDING))
    lower = 1.0 / effective_ridge(spectrum.enlarged(), count, penalty)
    if penalty == 0.0:
        lower = max(lower, float(expected_trace_floors(spectrum, count).max()))
    room = np.maximum(spectrum.ends - count - 1.0, 0.0)
    least = float((spectrum.eigenvalues * room).max()) + count * penalty
    return Bracket(lower * (1.0 - ROUNDING), count / least * (1.0 + ROUNDING) if least > 0.0 else math.inf)


def interpolator_floor(spectrum: Spectrum, n: int, noise_variance: float, radius: float) -> float:
    """Return a lower bound on E Radv of EVERY linear interpolator: radius^2 noise_variance E tr((X X^T)^-1).

    Radv is the excess risk under perturbations of the test point of l_2 norm <= radius (l_r, r >= 2: all the more), an
    expectation over design and noise. Every theta with X theta = y is at least as long as the shortest one. For p < n
    nothing interpolates, and the bound is that of least squares. Compare with radius^2 |theta*|^2, the risk of the
    truth: growth of this bound is no vulnerability if that grows too (:func:`vulnerability_floor`).

    Raises ValueError for a negative variance or radius.
    """
    who = "interpolator_floor"
    scale = (as_number(noise_variance, who, "noise_variance", at_least=0.0)
             * as_number(radius, who, "radius", at_least=0.0) ** 2)
    return scale * expected_trace(spectrum, n).lower if scale > 0.0 else 0.0


def vulnerability_floor(spectrum: Spectrum, n: int, noise_variance: float) -> float:
    """Return a lower bound on E Radv of every interpolator over that of the truth, for every radius > 0.

    noise_variance E tr((X X^T)^-1) / |theta*|^2; infinite without a signal, 0 without noise: overfitting harms by
    fitting noise.
    """
    floor = interpolator_floor(spectrum, n, noise_variance, 1.0)
    if floor == 0.0:
        return 0.0
    return floor / spectrum.signal_norm if spectrum.signal_norm > 0.0 else math.inf


def _samples(spectrum: Spectrum, n: Any, who: str) -> int:
    count = as_count(n, who, "n", at_least=1)
    if spectrum.dimension < count:
        raise ValueError(f"{who}: the spectrum has p={spectrum.dimension:g} < n={count} eigenvalues, so X X^T is "
                         "singular and the bound false; pass p >= n, or ask expected_trace")
    return count


"""The two-scalar system that describes adversarially trained random features in the limit of large sizes.

Layout: a ``system`` is the named tuple of ``features/prediction.py``. Let l be an eigenvalue of W W^T, and

    L(l) = linear l + nonlinear,   R(l) = linear l + excess,   D(l) = (A + B) linear l + A nonlinear + B excess + Z,

A, B, Z below carrying a factor kappa, so that nothing underflows when kappa ~ 1 / radius^2 (all points fitted). All
that is needed of the spectrum is a few means of 1 / (l + z)^j: with z = (A nonlinear + B excess + Z) / ((A + B) linear)
means over the N x N matrix W W^T (traces) and sums over the d x d matrix W^T W, weighted with the signal (signals).
Without nodes these are Marchenko and Pastur's in closed form, else sums over the nodes. Every formula is a sum of
positive terms: the printed ones with differences lose the digits that decide near interpolation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from constructive._kernels.compile import kernel

ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
ROUNDS = 400
TINY = 1e-300
CLOSE = 2e-16
HERE, HERE_VALUE, THERE, THERE_VALUE, OLD, OLD_VALUE, NEXT, STRIDE, PHASE, COUNT = range(10)
FIRST, WIDEN, SHRINK, FOUND, LOST = range(5)


@kernel
def spectral_means(z: float, system: Any) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Return means of 1/(l+z), 1/(l+z)^2, l/(l+z), l/(l+z)^2, l^2/(l+z)^2, then signal sums of the last three and of
    z^2/(l+z)^2.
    """
    c = system.width
    if system.nodes.size == 0:
        power = system.signal
        a = 1.0 - c + z
        r = math.sqrt(a * a + 4.0 * c * z)
        m1 = 2.0 / (a + r) if a > 0.0 else (r - a) / (2.0 * c * z)
        p = 1.0 + c * m1
        m2 = m1 * p / r
        t1 = m1 / p
        t2 = m2 / (p * p)
        t3 = t1 * ((1.0 - c) ** 2 + 2.0 * z * (1.0 + c)) / (r * (r + z))
        return (m1, m2, t1, t2, t3, power * c * t1, power * c * t2, power * c * t3,
                power * (1.0 + c * t2) / (p * p))
    m1, m2, t1, t2, t3, u1, u2, u3, u0 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(system.nodes.size):
        l, w, v = system.nodes[i], system.traces[i], system.signals[i]
        inverse = 1.0 / (l + z)
        share = l * inverse
        m1 += w * inverse
        m2 += w * inverse * inverse
        t1 += w * share
        t2 += w * share * inverse
        t3 += w * share * share
        u1 += v * share
        u2 += v * share * inverse
        u3 += v * share * share
        u0 += v * (z * inverse) ** 2
    return m1, m2, t1, t2, t3, u1, u2, u3, u0


@kernel
def central_square(nu: float) -> float:
    """Return E[g^2; |g| < nu] = erf(nu / sqrt 2) - 2 nu phi(nu) for g ~ N(0, 1), by its series where they cancel."""
    if nu > 1.0:
        return math.erf(ROOT_HALF * nu) - 2.0 * nu * math.exp(-0.5 * nu * nu) / ROOT_TWO_PI
    total, factor = 0.0, 2.0 * nu**3 / ROOT_TWO_PI
    for k in range(1, 20):
        total += factor / (2.0 * k + 1.0)
        factor *= -0.5 * nu * nu / k
    return total


@kernel
def coefficients(kappa: float, q: float, radius: float, ridge: float) -> tuple[float, float, float, float, float]:
    """Return A, B, Z, the second moment b of t = min(|g|, k (|g| + q)), k = kappa / (1 + kappa), and A - b.

    A = E|g| t, so A - b = E t (|g| - t) is a mean over |g| > nu = kappa q of positive terms.
    """
    nu = kappa * q
    k = kappa / (1.0 + kappa)
    inside, outside = math.erf(ROOT_HALF * nu), math.erfc(ROOT_HALF * nu)
    density = math.exp(-0.5 * nu * nu) / ROOT_TWO_PI
    a = inside + k * outside
    b = 0.0
    if q > 0.0:
        b = radius * (radius * (kappa * inside + k * outside) + 2.0 * k * density * (radius / q))
    beyond = max(2.0 * density - nu * outside, 0.0)  # 2 E[g - nu; g > nu]
    gap = k / (1.0 + kappa) * (outside + q * beyond)
    second = central_square(nu) + k * k * ((1.0 + q * q) * outside + 2.0 * nu * density + 4.0 * q * density)
    return a, b, kappa * ridge, second, gap


@kernel
def traces(a: float, b: float, z: float, system: Any) -> tuple[float, float]:
    """Return (N / n) E[L / D] and (N / n) E[(B R + Z) / D]."""
    scale = (a + b) * system.linear
    shift = (a * system.nonlinear + b * system.excess + z) / scale
    m1, _, t1, _, _, _, _, _, _ = spectral_means(shift, system)
    return (system.ratio * (system.linear * t1 + system.nonlinear * m1) / scale,
            system.ratio * (b * (system.linear * t1 + system.excess * m1) + z * m1) / scale)


@kernel
def energies(a: float, b: float, z: float, second: float, gap: float, memory: float, system: Any
             ) -> tuple[float, float, float, float, float, float, float]:
    """Return num, den, pm, pb of s^2 = num / den, m^2 = pm + s^2 pb, the like tm, tb of |theta|^2, and the alignment.

    den = 1 - second (N / n) E[L^2 / D^2], rewritten with (N / n) E[L / D] + memory = 1; gap = a - second.
    """
    scale = (a + b) * system.linear
    shift = (a * system.nonlinear + b * system.excess + z) / scale
    _, m2, _, t2, t3, u1, u2, u3, u0 = spectral_means(shift, system)
    lin, non, exc = system.linear, system.nonlinear, system.excess
    fraction, pull = b / (a + b), a / (a + b)
    num = (system.noise + fraction * fraction * u3 + 2.0 * fraction * shift * u2 + u0
           + pull * pull * non / lin * u2)
    per_square = system.ratio / (scale * scale)
    squared = per_square * (lin * lin * t3 + 2.0 * lin * non * t2 + non * non * m2)  # (N/n) E L^2 / D^2
    mixed = per_square * (lin * lin * t3 + lin * (non + exc) * t2 + non * exc * m2)
    single = per_square * (lin * t2 + non * m2)
    den = gap * squared + b * mixed + z * single + memory
    return (num, den, pull * pull * (u3 + exc / lin * u2), second * mixed, pull * pull / lin * u2, second * single,
            pull * u1)


@kernel
def begin(search: Any, start: float) -> None:
    """Start the search for the root of a decreasing function; the first value is wanted at ``start``.

    Layout of a search: the last two points of the bracket and the end given up last, each with its value; where the
    next value is wanted; the stride of the bracketing; the phase; the number of values.
    """
    search[:] = 0.0
    search[NEXT], search[STRIDE], search[PHASE] = start, 0.25, FIRST


@kernel
def report(search: Any, value: float) -> None:
    """Take the value at the point asked for: widen the bracket until it has both signs, then shrink it."""
    x = search[NEXT]
    search[COUNT] += 1.0
    if value == 0.0 or not math.isfinite(value) or search[COUNT] > ROUNDS:
        search[HERE], search[HERE_VALUE] = x, value
        search[PHASE] = FOUND if value == 0.0 else LOST
        return
    known = search[HERE_VALUE]
    if search[PHASE] == FIRST or (search[PHASE] == WIDEN and (value > 0.0) == (known > 0.0)):
        search[PHASE], search[HERE], search[HERE_VALUE] = WIDEN, x, value
        search[NEXT] = x + search[STRIDE] if value > 0.0 else x - search[STRIDE]
        search[STRIDE] *= 2.0
        return
    share = 0.5
    if search[PHASE] == SHRINK:
        if (value > 0.0) == (known > 0.0):
            search[OLD], search[OLD_VALUE] = search[HERE], known
        else:
            search[OLD], search[OLD_VALUE] = search[THERE], search[THERE_VALUE]
            search[THERE], search[THERE_VALUE] = search[HERE], known
        share = next_share(x, value, search[THERE], search[THERE_VALUE], search[OLD], search[OLD_VALUE])
    else:
        search[THERE], search[THERE_VALUE] = search[HERE], known
    search[PHASE], search[HERE], search[HERE_VALUE] = SHRINK, x, value
    length = search[THERE] - x
    close = CLOSE * max(1.0, abs(x))
    if abs(length) <= 2.0 * close:
        search[PHASE] = FOUND
        if abs(search[THERE_VALUE]) < abs(value):
            search[HERE] = search[THERE]
        return
    least = close / abs(length)
    search[NEXT] = x + min(max(share, least), 1.0 - least) * length


@kernel
def next_share(x: float, value: float, other: float, other_value: float, old: float, old_value: float) -> float:
    """Return where between x and other to look next, as a share: by inverse interpolation where trusted, else 1/2.

    Chandrupatla's criterion for the quadratic through the three points.
    """
    place, height = (x - other) / (old - other), (value - other_value) / (old_value - other_value)
    if height * height < place and (1.0 - height) ** 2 < 1.0 - place:
        return (value / (other_value - value) * old_value / (other_value - old_value)
                + (old - x) / (other - x) * value / (old_value - value) * other_value / (old_value - other_value))
    return 0.5


@kernel
def excess_trace(log_kappa: float, q: float, system: Any) -> float:
    """Return the logarithm of (N / n) E[L / D] + memory / kappa: it decreases in kappa, 0 at the solution for this q.

    Near the interpolation peak, where A and N / n are close to 1, the equation times A keeps its digits:
    (N / n) E[(B R + Z) / D] = N / n - 1 + (1 - A) + A memory / kappa, with 1 - A = erfc(nu / sqrt 2) / (1 + kappa).
    """
    kappa = math.exp(log_kappa)
    a, b, z, _, _ = coefficients(kappa, q, system.radius, system.ridge)
    fit, rest = traces(a, b, z, system)
    more = system.ratio - 1.0
    if a < 0.5 or abs(more) > 0.5:
        return math.log(fit + system.memory / kappa)
    left = math.erfc(ROOT_HALF * kappa * q) / (1.0 + kappa) + a * system.memory / kappa
    return (math.log(max(left + max(more, 0.0), TINY)) - math.log(max(rest + max(-more, 0.0), TINY)))


@kernel
def excess_slope(log_q: float, log_kappa: float, system: Any) -> float:
    """Return log(radius^2 m^2 / s^2) - 2 log q at kappa = kappa(q): it changes sign once, at the solution."""
    q, kappa = math.exp(log_q), math.exp(log_kappa)
    a, b, z, second, gap = coefficients(kappa, q, system.radius, system.ridge)
    num, den, pm, pb, _, _, _ = energies(a, b, z, second, gap, system.memory / kappa, system)
    return 2.0 * math.log(system.radius) + math.log(pm * den / num + pb) - 2.0 * log_q


@kernel
def solve_kappa(q: float, start: float, system: Any) -> float:
    """Return log kappa(q), found from the guess ``start``; NaN when it is beyond double precision."""
    search = np.empty(10)
    begin(search, start)
    while search[PHASE] < FOUND:
        report(search, excess_trace(search[NEXT], q, system))
    return search[HERE] if search[PHASE] == FOUND else math.nan


@kernel
def solve(system: Any) -> tuple[float, float]:
    """Return (kappa, q) for radius > 0 below the radius where everything vanishes; NaN beyond double precision."""
    search = np.empty(10)
    begin(search, 0.0)
    log_kappa = 0.0
    while search[PHASE] < FOUND:
        log_q = search[NEXT]
        log_kappa = solve_kappa(math.exp(log_q), log_kappa, system)
        report(search, excess_slope(log_q, log_kappa, system))
    if search[PHASE] == LOST:
        return math.nan, math.nan
    q = math.exp(search[HERE])
    return math.exp(solve_kappa(q, log_kappa, system)), q

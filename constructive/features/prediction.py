"""What an adversarially trained model tends to, from the solution of its system."""

from __future__ import annotations

import math
from dataclasses import dataclass

from constructive._checks import as_number
from constructive.features.system import LARGEST, System, threshold

# The relative error of q, kappa and m just below the threshold is a rounding over the relative distance to it.
NEAR_ZERO = 1e-12
MEAN_SIZE = math.sqrt(2.0 / math.pi)  # E|g| for g ~ N(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What an adversarially trained model tends to; s^2 is ``standard_risk``, m is ``gradient_norm``.

    Residuals of fresh points are N(0, s^2). Residuals of training points are distributed as
    sign(g) s (|g| - nu)_+ / (1 + kappa), g ~ N(0, 1): a share ``fitted`` of them is exactly 0.
    """

    standard_risk: float
    """s^2 = E (y - f(x))^2 on fresh points."""
    adversarial_risk: float
    """E max over |delta| <= r of (y - f(x + delta))^2 = s^2 + 2 sqrt(2/pi) r s m + r^2 m^2, r = test_radius."""
    gradient_norm: float
    """m = |grad f|, the same at almost all points."""
    fitted: float
    """Share of training points that are fitted exactly: erf(nu / sqrt 2) where the system has a finite solution."""
    objective: float
    """1/(2 n) sum_i (|residual_i| + radius m)^2 + ridge/2 |theta|^2 at the minimizer."""
    training_error: float
    """Mean squared residual of training points, without the adversary."""
    mean_residual: float
    """Mean size of training residuals: the objective grows with the radius at rate m (mean_residual + radius m)."""
    weight_energy: float
    """|theta|^2: the objective grows with the ridge at half this rate."""
    alignment: float
    """Inner product of the true coefficients with those of the linear part of the model."""
    kappa: float
    """First unknown: what the proximal operator of the loss uses as its step. Infinite where all points are fitted."""
    q: float
    """Second unknown: radius m / s."""
    nu: float
    """kappa q."""
    zero: bool
    """Whether the minimizer is the zero predictor."""
    test_radius: float
    """Radius of the adversary in ``adversarial_risk``."""

    def robust_risk(self, test_radius: float) -> float:
        """Return the adversarial risk against another radius, of the model as it was trained.

        >>> from constructive.features import adversarial_asymptotics
        >>> trained = adversarial_asymptotics(2.0, 3.0, noise=0.5, radius=0.2)
        >>> trained.robust_risk(0.0) == trained.standard_risk, trained.robust_risk(0.2) == trained.adversarial_risk
        (True, True)
        """
        return attacked_risk(self.standard_risk, self.gradient_norm,
                             as_number(
            test_radius, "Prediction.robust_risk", "test_radius", at_least=0.0, at_most=LARGEST))


def attacked_risk(standard_risk: float, gradient_norm: float, radius: float) -> float:
    """Return s^2 + 2 sqrt(2/pi) radius s m + radius^2 m^2 = E (|g| s + radius m)^2, g ~ N(0, 1).

    >>> attacked_risk(1.0, 2.0, 0.0)
    1.0
    """
    if radius == 0.0:
        return standard_risk
    push = radius * gradient_norm
    return standard_risk + 2.0 * MEAN_SIZE * push * math.sqrt(standard_risk) + push * push


def solve_system(system: System, test_radius: float) -> Prediction:
    """Return the prediction for a system with radius > 0 or ridge > 0; the zero predictor from its threshold on.

    Raises ArithmeticError when the root is out of reach of double precision.
    """
    from constructive._kernels import features as kernels

    if system.noise + system.signal == 0.0 or system.radius >= threshold(system) * (1.0 - NEAR_ZERO):
        return null_prediction(system, test_radius)
    if system.radius > 0.0:
        kappa, q = kernels.solve(system)
    else:
        kappa, q = math.exp(kernels.solve_kappa(0.0, 0.0, system)), 0.0
    if not (math.isfinite(kappa) and math.isfinite(q)):
        raise ArithmeticError(f"the system of {system!r} has no root within double precision; "
                              "move its sizes, radius and ridge nearer to 1")
    return predict(system, kappa, q, test_radius)


def predict(system: System, kappa: float, q: float, test_radius: float) -> Prediction:
    """Return what the solution (kappa, q) of a system says, kappa finite."""
    from constructive._kernels import features as kernels

    a, b, z, second, gap = kernels.coefficients(kappa, q, system.radius, system.ridge)
    num, den, pm, pb, tm, tb, alignment = kernels.energies(a, b, z, second, gap, system.memory / kappa, system)
    s2 = num / den
    s, m = math.sqrt(s2), math.sqrt(pm + s2 * pb)
    nu = kappa * q
    outside, density = math.erfc(nu / math.sqrt(2.0)), math.exp(-0.5 * nu * nu) / math.sqrt(2.0 * math.pi)
    fitted = math.erf(nu / math.sqrt(2.0))
    loose = ((1.0 + q * q) * outside + 2.0 * nu * density + 4.0 * q * density) / (1.0 + kappa) / (1.0 + kappa)
    energy = tm + s2 * tb
    remembered = system.memory * s2 * second / kappa / kappa
    return Prediction(
        standard_risk=s2, adversarial_risk=attacked_risk(s2, m, test_radius), gradient_norm=m, fitted=fitted,
        objective=0.5 * (s2 * (q * q * fitted + loose) + system.ridge * energy + remembered),
        training_error=s2 * max((1.0 + nu * nu) * outside - 2.0 * nu * density, 0.0) / (1.0 + kappa) / (1.0 + kappa),
        mean_residual=s * max(2.0 * density - nu * outside, 0.0) / (1.0 + kappa), weight_energy=energy,
        alignment=alignment, kappa=kappa, q=q, nu=nu, zero=False, test_radius=test_radius)


def null_prediction(system: System, test_radius: float) -> Prediction:
    """Return what the zero predictor does."""
    null = system.noise + system.signal
    return Prediction(
        standard_risk=null, adversarial_risk=null, gradient_norm=0.0, fitted=0.0 if null else 1.0, objective=0.5 * null,
        training_error=null, mean_residual=MEAN_SIZE * math.sqrt(null), weight_energy=0.0, alignment=0.0, kappa=0.0,
        q=0.0, nu=0.0, zero=True, test_radius=test_radius)

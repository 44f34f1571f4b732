"""The exact limit of adversarially trained random features as width, samples and dimension grow together."""

from __future__ import annotations

from constructive.features.activations import Activation
from constructive.features.prediction import Prediction, solve_system
from constructive.features.ridgeless import least_norm
from constructive.features.system import as_test_radius, random_features, threshold


def adversarial_asymptotics(width_ratio: float, sample_ratio: float, noise: float, radius: float, ridge: float = 0.0,
                            *, activation: Activation | None = None, test_radius: float | None = None,
                            signal: float = 1.0) -> Prediction:
    """Return what the minimizer of 1/(2 n) sum_i (|y_i - f_i theta| + radius |J theta|)^2 + ridge/2 |theta|^2 tends to.

    N features of d inputs and n samples, N/d -> width_ratio, n/d -> sample_ratio; y = <x, beta> + ``noise`` g with x
    and g standard normal and |beta| = ``signal``; ``activation`` defaults to the shifted ReLU, ``test_radius`` to
    radius. Accurate to about 1e-13, fewer digits near the threshold (see :func:`zero_radius`) and for tiny radii at
    width_ratio = sample_ratio. With ridge = 0 this is the paper's setting; the ridge, other activations and radius = 0
    follow from the same derivation and are checked by simulation.

    At radius = ridge = 0 the minimizer meant is the one of least |theta|: that of a vanishing ridge. For
    width_ratio > sample_ratio it is *not* the limit radius -> 0, which is the one of least |J theta|
    (:func:`ridgeless_limit`); for width_ratio = sample_ratio its risk is infinite.

    Raises ValueError for ratios, positive radii and positive ridges outside of [1e-100, 1e100], for negative noise and
    signal, and for an activation without linear part, or with nothing else and neither ridge nor noise.

    >>> trained = adversarial_asymptotics(4.0, 3.0, noise=0.5, radius=0.5)
    >>> round(trained.standard_risk, 10), round(trained.adversarial_risk, 9), round(trained.fitted, 10)
    (0.7169475624, 1.646744991, 0.3941090135)

    Source: arXiv:2201.05149, read through a transcription; solved in another form, as a system of two unknowns.
    """
    who = "adversarial_asymptotics"
    system = random_features(width_ratio, sample_ratio, noise, radius, ridge, activation, signal, who)
    attack = as_test_radius(test_radius, system.radius, who)
    if system.radius > 0.0 or system.ridge > 0.0 or system.noise + system.signal == 0.0:
        return solve_system(system, attack)
    return least_norm(system, "weights", attack)


def zero_radius(width_ratio: float, sample_ratio: float, noise: float, *, activation: Activation | None = None,
                signal: float = 1.0) -> float:
    """Return the training radius from which on the zero predictor is optimal, whatever the ridge.

    Below it s, m and the objective differ from those of the zero predictor. Within 1e-12 of it predictions are those of
    the zero predictor.

    >>> round(zero_radius(2.0, 3.0, noise=0.5), 13)
    1.1453881342209
    """
    return threshold(random_features(width_ratio, sample_ratio, noise, 1.0, 0.0, activation, signal, "zero_radius"))


def approximation_floor(width_ratio: float, noise: float, *, activation: Activation | None = None,
                        signal: float = 1.0) -> float:
    """Return the least standard risk of any theta: noise^2 + signal^2 z E 1/(l + z), z = nonlinear / linear^2.

    The mean is over the eigenvalues l of W^T W, d x d.

    >>> round(approximation_floor(4.0, noise=0.5), 10)
    0.3547761933
    """
    from constructive._kernels import features as kernels

    system = random_features(width_ratio, 1.0, noise, 1.0, 0.0, activation, signal, "approximation_floor")
    m1 = kernels.spectral_means(system.nonlinear / system.linear, system)[0]
    return system.noise + system.signal / (1.0 + system.width * m1)

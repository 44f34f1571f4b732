"""Wide networks with one hidden layer, in many dimensions, as linear ridge regression: their slopes agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.ridge.equivalents import RidgeMoments
from constructive.ridge.kernel_ridge import kernel_moments
from constructive.ridge.linear_equivalent import kernel_equivalent
from constructive.ridge.moments import conditional_moments
from constructive.ridge.sampling import draw_design, explicit
from constructive.ridge.spectra import Spectrum, spiked
from constructive.tangent.two_layer import TwoLayerKernel
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
POINTS = 24


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a spectrum of strength at most 1.3 for n, a kernel, a ridge, noise, and a seed for points."""
    count = int(rng.integers(80, 121)) if n is None else int(n)
    head = float(rng.uniform(1.0, 3.0))
    total = float(rng.uniform(4.0, 6.0) * np.sqrt(count))
    return {"spectrum": spiked(3, head, 20 * count, total), "n": count, "trained": str(rng.choice(["first", "both"])),
            "ridge": float(rng.choice([0.0, 0.1])), "noise_variance": float(rng.uniform(0.5, 2.0)),
            "seed": int(rng.integers(2**31))}


def _data(spectrum: Spectrum, n: int, seed: int) -> tuple[Array, Array, Array, Array]:
    rng, (values, theta) = np.random.default_rng(seed), explicit(spectrum)
    return draw_design(spectrum, n, rng), draw_design(spectrum, POINTS, rng), values, theta


def construct(spectrum: Spectrum, n: int, trained: str, ridge: float, noise_variance: float, seed: int) -> RidgeMoments:
    """Return the network's moments, exact means over the noise, over drawn test points."""
    X, Z, _, theta = _data(spectrum, n, seed)
    kernel = TwoLayerKernel("first" if trained == "first" else "both")
    return kernel_moments(kernel, X, X @ theta, Z, Z @ theta, [ridge], noise_variance).mean()


def slopes(found: RidgeMoments, instance: Instance) -> Bracket:
    """Return how far the mean squared slope is from the squared length of linear ridge on the same points, relative."""
    X, _, values, theta = _data(instance["spectrum"], instance["n"], instance["seed"])
    linear = kernel_equivalent(instance["spectrum"], instance["n"], [instance["ridge"]], instance["noise_variance"],
                               "first" if instance["trained"] == "first" else "both").linear_ridges
    length = conditional_moments(X, theta, values, linear, instance["noise_variance"]).energy[0]
    off = abs(float(found.energy[0]) / float(length) - 1.0)
    return Bracket(off, off, Evidence.SAMPLED)


def strength(found: RidgeMoments, instance: Instance) -> Bracket:
    """Return n tr(Sigma^2) / (tr Sigma)^2."""
    spectrum = instance["spectrum"]
    value = instance["n"] * spectrum.trace(2.0) / spectrum.trace() ** 2
    return Bracket(value * (1.0 - 1e-12), value * (1.0 + 1e-12), Evidence.ENCLOSED)


def plant(found: RidgeMoments, instance: Instance, rng: np.random.Generator) -> RidgeMoments:
    """Return the moments of linear ridge without the ridge that the network has of its own."""
    X, _, values, theta = _data(instance["spectrum"], instance["n"], instance["seed"])
    plain = conditional_moments(X, theta, values, [instance["ridge"]], instance["noise_variance"])
    return RidgeMoments(plain.bias, plain.variance, plain.signal_energy, plain.noise_energy)


THEOREM = Theorem(
    name="wide-networks-are-nearly-linear-ridge",
    source=Source(rs.PAPER, "the harm of benign overfitting in the tangent kernel regime", "ours", "abstract"),
    statement="In many dimensions, kernel regression with one wide hidden layer and ridge lambda has nearly the "
              "squared slopes of linear ridge regression with ridge L / n + 4 lambda (first layer trained) or (1 - 1 / "
              "pi) L / n + 2 lambda (both), L = tr Sigma: asymptotic, for n tr(Sigma^2) / L^2 up to about 1.3. So "
              "noise makes wide interpolating networks steep where it makes linear ones long, though less.",
    hypotheses=("normal points, L large against the root of tr(Sigma^2)", "n tr(Sigma^2) / L^2 <= 1.3",
                "tangent kernel regime"),
    claims=(Claim("mean squared slope, off that of linear ridge on the same points", slopes, lambda **_: 0.06,
                  "6 %, n from 80 to 120", scope="sampled instances"),
            Claim("n tr(Sigma^2) / L^2", strength, lambda **_: 1.3, "1.3")),
    draw=draw, construct=construct, plant=plant, repeats=3,
    proof=(("angles near pi / 2: (pi - t) / (2 pi) is 1/4 + <x, z> / (2 pi |x| |z|) + ...",
            "ridge.linear_equivalent.linear_ridges"),),
)

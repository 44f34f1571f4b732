"""What ridge regression cannot avoid: lower bounds on its bias, variance and norm, for every ridge, coordinate-wise.

Rows of the design are N(0, Sigma). For coordinate j the others are cut into a set K of large ones, which the bound
projects away, and a rest of sum s and sum of squares q; then only moments of chi-squared variables are left. Three of
the four floors fall with the ridge, or do not rise; the bias' floor rises: that is what the forbidden region of
:mod:`constructive.ridge.frontier` rests on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.ridge.effective import as_ridges
from constructive.ridge.spectra import Spectrum

Array = NDArray[np.float64]
ALL_CUTS = 200
"""Up to this many samples every size of K is tried; beyond, a set of sizes in geometric progression."""
CUTS = 24


@dataclass(frozen=True, slots=True, eq=False)
class MomentFloors:
    """Lower bounds on expectations over design and noise, one for each ridge, arrays of one shape.

    E R >= ``risk`` = bias + variance (excess risk R), E |theta|^2 >= ``energy`` = signal_energy + noise_energy.
    """

    ridges: Array
    bias: Array
    variance: Array
    signal_energy: Array
    noise_energy: Array

    @property
    def risk(self) -> Array:
        """Lower bound on the expected excess risk."""
        return np.asarray(self.bias + self.variance)

    @property
    def energy(self) -> Array:
        """Lower bound on the expected squared norm of the predictor."""
        return np.asarray(self.signal_energy + self.noise_energy)

    def adversarial(self, radius: float) -> Array:
        """Return risk + radius^2 energy, a lower bound on E Radv for attacks in l_2, and in l_r with r >= 2."""
        return np.asarray(self.risk + as_number(radius, "adversarial", "radius", at_least=0.0) ** 2 * self.energy)


def moment_floors(spectrum: Spectrum, n: int, ridges: ArrayLike, noise_variance: float) -> MomentFloors:
    """Return lower bounds on E of the four moments of ridge regression on n rows N(0, Sigma), for each ridge >= 0.

    With S = s + n ridge and m = n - |K| - 2, maximized over K for each coordinate j (K = the largest others):
    noise energy >= noise_variance sum_j c_j and variance >= noise_variance sum_j lambda_j c_j,
    c_j = lambda_j / ((S^2 + (n + 1) q) / m + 2 lambda_j S + n lambda_j^2);
    signal energy >= sum_j theta_j^2 (lambda_j m / (S + lambda_j m))^2;
    bias >= k^2 sum_j lambda_j theta_j^2 / (lambda_j + k)^2, k = ridge + max_m lambda_m (m - n - 2)_+ / n.
    Valid for any p, at ridge 0 with p < n for the pseudo-inverse too; for n <= 2 the first three are 0.

    ``ridges`` of any shape; it scales with n (n ridge is added to X X^T). Raises ValueError for negative arguments.
    Source: Jensen's inequality after a test vector (noise), a rank-one update (signal), an inverse Wishart mean (bias).

    >>> spectrum = Spectrum.of([1.0, 0.1, 0.1, 0.1, 0.1, 0.1], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    >>> floors = moment_floors(spectrum, 4, [0.0, 1.0], 0.5)
    >>> bool(floors.energy[0] > floors.energy[1]), bool(floors.bias[0] < floors.bias[1])
    (True, True)
    """
    who = "moment_floors"
    count = as_count(n, who, "n", at_least=1)
    noise = as_number(noise_variance, who, "noise_variance", at_least=0.0)
    penalties = as_ridges(ridges, who)
    cuts = _cuts(spectrum, count)
    found = np.array([_one(spectrum, count, float(ridge), noise, cuts) for ridge in penalties.ravel()])
    bias, variance, signal, energy = found.reshape(-1, 4).T.reshape(4, *penalties.shape)
    return MomentFloors(penalties, bias, variance, signal, energy)


def noise_coefficients(spectrum: Spectrum, n: int, ridge: float) -> Array:
    """Return c (b,): E of x_j^T (X X^T + n ridge)^-2 x_j is at least c for a column j of each block (see above)."""
    count = as_count(n, "noise_coefficients", "n", at_least=1)
    penalty = as_number(ridge, "noise_coefficients", "ridge", at_least=0.0)
    return _coefficients(spectrum, count, penalty, _cuts(spectrum, count))[0]


def kappa_floor(spectrum: Spectrum, n: int, ridge: float) -> float:
    """Return ridge + max_m lambda_m (m - n - 2)_+ / n: 1 - E A_jj >= kappa / (lambda_j + kappa) for this kappa.

    A theta* is the noiseless fit. It stays below the effective ridge, and is what is proved for finite n.
    """
    room = np.maximum(spectrum.ends - n - 2.0, 0.0)
    return ridge + float((spectrum.eigenvalues * room).max()) / n


def bias_floor(spectrum: Spectrum, kappa: float) -> float:
    """Return kappa^2 sum_j lambda_j theta_j^2 / (lambda_j + kappa)^2, nondecreasing in kappa."""
    shrunk = kappa / (spectrum.eigenvalues + kappa)
    return float((spectrum.eigenvalues * spectrum.signal * shrunk**2).sum())


def _one(spectrum: Spectrum, n: int, ridge: float, noise: float, cuts: NDArray[np.int_]) -> tuple[float, ...]:
    c, kept = _coefficients(spectrum, n, ridge, cuts)
    weights = spectrum.multiplicities * c
    bias = bias_floor(spectrum, kappa_floor(spectrum, n, ridge))
    return (bias, noise * float((spectrum.eigenvalues * weights).sum()), float((spectrum.signal * kept**2).sum()),
            noise * float(weights.sum()))


def _coefficients(spectrum: Spectrum, n: int, ridge: float, cuts: NDArray[np.int_]) -> tuple[Array, Array]:
    """Return for each block the largest c_j, and the largest floor of E A_jj, over the sizes of K."""
    values = spectrum.eigenvalues
    c, kept = np.zeros(len(values)), np.zeros(len(values))
    tails, squares = spectrum.tail(cuts)
    # K holds the k largest others of j: what is left out of the sum s_k is lambda_j, or lambda_{k+1} if j is in front
    blocks = np.searchsorted(spectrum.ends, cuts, side="right")
    for k, block, tail, square in zip(cuts.tolist(), blocks.tolist(), tails.tolist(), squares.tolist(), strict=True):
        out, m = np.minimum(values, values[block]), float(n - k - 2)
        s, q = np.maximum(tail - out, 0.0), np.maximum(square - out**2, 0.0)
        size = s + n * ridge
        c = np.maximum(c, values / ((size**2 + (n + 1.0) * q) / m + 2.0 * values * size + n * values**2))
        kept = np.maximum(kept, values * m / (size + values * m))
    return c, kept


def _cuts(spectrum: Spectrum, n: int) -> NDArray[np.int_]:
    """Return the sizes of K to try: at most n - 3, and at most the number of other coordinates."""
    most = int(min(n - 3, spectrum.dimension - 1.0))
    if most < 0:
        return np.zeros(0, dtype=np.int_)
    if n <= ALL_CUTS:
        return np.arange(most + 1)
    return np.unique(np.concatenate([[0], np.geomspace(1, max(most, 1), CUTS).astype(np.int_)]).clip(0, most))

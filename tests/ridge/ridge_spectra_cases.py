"""Drawn spectra for tests of ridge regression."""

from __future__ import annotations

import numpy as np

from constructive.ridge.spectra import Spectrum


def drawn(seed: int) -> tuple[Spectrum, int, float]:
    """Return a drawn spectrum (decays, blocks, three scales), n and a ridge, 0 among them."""
    rng = np.random.default_rng(seed)
    b = int(rng.integers(1, 40))
    j = np.arange(1.0, b + 1.0)
    values = [j ** -rng.uniform(0.0, 3.0), np.exp(-rng.uniform(0.0, 0.5) * j), np.sort(rng.uniform(1e-3, 1.0, b))[::-1],
              10.0 ** -np.floor(j / 4.0)][seed % 4]
    counts = rng.integers(1, 5, b) if seed % 3 else 10.0 ** rng.integers(0, 4, b)
    ridge = 0.0 if seed % 5 == 0 else float(10.0 ** rng.uniform(-8.0, 2.0))
    return Spectrum(values, counts, rng.uniform(size=b)), int(rng.integers(1, 60)), ridge

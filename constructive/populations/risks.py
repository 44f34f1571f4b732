"""Risks of a population from verdicts on a sample: exact binomial intervals round brackets, and paired differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count
from constructive.evidence import Bracket, Evidence, clopper_pearson

Verdicts = NDArray[np.int8]


def risk_bracket(verdicts: Verdicts, confidence: float = 0.99, *, table: int | None = None) -> Bracket:
    """Return a bracket of the population's robust risk from verdicts on an independent sample.

    Verdicts 0 safe, 1 wrong, -1 unknown. Lower end: Clopper-Pearson from the proved errors; upper end: from all
    points not proved safe. Holds with the stated confidence over the draw of the sample. ``table``: the sample was
    drawn without replacement from so many rows, whose risk is meant: the interval is then hypergeometric.
    """
    n = int(verdicts.size)
    least, most = int((verdicts == 1).sum()), int((verdicts != 0).sum())
    if table is not None:
        rows = as_count(table, "risk_bracket", "table", at_least=max(n, 1))
        return Bracket(hypergeometric(least, n, rows, confidence).lower,
                       hypergeometric(most, n, rows, confidence).upper, Evidence.SAMPLED, confidence)
    lower = clopper_pearson(least, n, confidence).lower
    upper = clopper_pearson(most, n, confidence).upper
    return Bracket(lower, upper, Evidence.SAMPLED, confidence)


def sample_bracket(verdicts: Verdicts) -> Bracket:
    """Return the bracket of the robust error on the sample itself: proved errors, and points not proved safe."""
    return Bracket(float((verdicts == 1).mean()), float((verdicts != 0).mean()), Evidence.ENCLOSED)


def difference_bracket(first: Verdicts, second: Verdicts, confidence: float = 0.99) -> Bracket:
    """Return a bracket of risk(first) - risk(second) from verdicts of both on the same independent sample.

    The difference is P(only the first errs) - P(only the second errs), so that points on which both agree cost
    nothing: what matters is how often they differ. Each of the two probabilities is enclosed by Clopper-Pearson with
    a quarter of the admitted failures at each of its ends (their sum bounds the failures of the four ends together).
    Unknown verdicts count against the end in question. Raises ValueError for samples of different sizes.

    >>> same = np.array([1, 0, 0, 1] * 25, np.int8)
    >>> difference_bracket(same, same).upper < 0.06
    True
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"difference_bracket: verdicts of shapes {first.shape} and {second.shape}; both must be (n,), "
                         "on the same points")
    each = 1.0 - (1.0 - confidence) / 2.0
    first_least, first_most = _alone(first, second, each)
    second_least, second_most = _alone(second, first, each)
    return Bracket(first_least - second_most, first_most - second_least, Evidence.SAMPLED, confidence)


def _alone(model: Verdicts, other: Verdicts, confidence: float) -> tuple[float, float]:
    """Return bounds of the probability that the model errs where the other does not."""
    n = int(model.size)
    surely = int(((model == 1) & (other == 0)).sum())
    possibly = int(((model != 0) & (other != 1)).sum())
    return clopper_pearson(surely, n, confidence).lower, clopper_pearson(possibly, n, confidence).upper


def hypergeometric(errors: int, n: int, rows: int, confidence: float = 0.99) -> Bracket:
    """Return the two-sided interval of the share of wrong rows in a table, from ``errors`` among n different rows.

    The ends are the smallest and largest number of wrong rows under which so many errors, or so few, have probability
    above half the admitted failures: exact coverage at least ``confidence``, and a single point where n = rows.
    Raises ValueError unless ``0 <= errors <= n <= rows`` and ``0 < confidence < 1``.

    >>> hypergeometric(3, 10, 10).width
    0.0
    """
    from scipy.stats import hypergeom

    if not 0 <= errors <= n <= rows or n < 1:
        raise ValueError(f"hypergeometric: needs 0 <= errors <= n <= rows, got errors={errors}, n={n}, rows={rows}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"hypergeometric: confidence={confidence!r} must lie in (0, 1)")
    tail = (1.0 - confidence) / 2.0
    wrong = np.arange(errors, rows - (n - errors) + 1)  # other numbers cannot give this sample
    low = wrong[hypergeom.sf(errors - 1, rows, wrong, n) > tail * (1 - 2.0**-30)].min()
    high = wrong[hypergeom.cdf(errors, rows, wrong, n) > tail * (1 - 2.0**-30)].max()
    return Bracket(float(low) / rows, float(high) / rows, Evidence.SAMPLED, confidence)

"""What no memorizer can beat: bounds to print beside the counts, each with the words that say what it speaks of.

Some bounds hold for the data at hand (slope, radius on a line), some for the pattern of nonzeros (bits, points), some
only say that data of this size exist on which nobody does better (rank, width).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def least_bits(data: int, classes: int = 2) -> float:
    """Return ``n log2 C``: a pattern whose numbers take B bits in all computes at most 2^B functions.

    To realize every labeling of n points with C classes it needs B of at least this. Speaks of all labelings at once.

    >>> least_bits(200), least_bits(200, 4)
    (200.0, 400.0)
    """
    if data < 0 or classes < 1:
        raise ValueError(f"least_bits: data={data!r} must be >= 0 and classes={classes!r} >= 1")
    return data * math.log2(classes)


def most_points(pattern: Sequence[tuple[int, int]]) -> float:
    """Return an upper bound of the VC dimension of ReLU networks with a pattern of nonzeros.

    ``pattern``: (units, nonzeros) of each layer, the output layer included. With W_i nonzeros up to layer i, k_i units
    in layer i, L layers and R = sum of i k_i: ``L + (sum of W_i) log2(4 e R log2(2 e R))``. Bartlett, Harvey, Liaw and
    Mehrabian (JMLR 20, 2019), piecewise linear case; constants recalled, not checked against the paper. Signs of
    real-weight networks: whoever wants to realize every labeling of n points needs a pattern with at least n here.

    >>> most_points([(1, 2)]) > 2
    True
    """
    if not pattern or any(units < 1 or nonzeros < 0 for units, nonzeros in pattern):
        raise ValueError(f"most_points: pattern={pattern!r} needs at least one layer, with units >= 1, nonzeros >= 0")
    reach = sum(i * units for i, (units, _) in enumerate(pattern, start=1))
    total, seen = 0, 0
    for _, nonzeros in pattern:
        seen += nonzeros
        total += seen
    return len(pattern) + total * math.log2(4 * math.e * reach * math.log2(2 * math.e * reach))


def least_slope(separation: Fraction | float, radius: Fraction | float) -> Fraction:
    """Return ``2 / (separation - 2 radius)``: no function that is +-1 on the balls has a smaller Lipschitz constant.

    Both in one norm; attained by the nearest-neighbor network. Infinite separation: 0. Raises ValueError unless
    ``0 <= radius < separation / 2``.

    >>> least_slope(1, Fraction(1, 4))
    Fraction(4, 1)
    """
    if separation == math.inf:
        return Fraction(0)
    free = Fraction(separation) - 2 * Fraction(radius)
    if free <= 0 or radius < 0:
        raise ValueError(f"least_slope: radius={float(radius)!r} must lie in [0, separation / 2), and separation is "
                         f"{float(separation)!r}")
    return 2 / free


def smooth_slope(data: int, inputs: int, nonzeros: int) -> float:
    """Return ``sqrt(n d / p)``, the law of robustness without its constant: the shape of a bound, not a bound.

    For data from isoperimetric distributions with noisy labels, a network of p parameters of polynomial size has a
    Lipschitz constant of this order at least (Bubeck and Sellke, 2021, in the Euclidean norm of normalized data). The
    constant is not ours to print, and exponentially large weights are outside its hypotheses.

    >>> smooth_slope(100, 4, 400)
    1.0
    """
    if data < 0 or inputs < 1 or nonzeros < 1:
        raise ValueError(f"smooth_slope: needs data >= 0, inputs >= 1, nonzeros >= 1, got {(data, inputs, nonzeros)!r}")
    return math.sqrt(data * inputs / nonzeros)


def least_rank(inputs: int, ratio: Fraction | float, norm: float = math.inf) -> int:
    """Return the rank of the first layer that some data with d inputs enforce at the ratio ``2 radius / separation``.

    l_inf: d for a ratio of at least 1/2, on the 2 d + 1 points 0 and +-s e_j with another label at 0. l_2: above
    ``ratio^2 d``, on the d + 1 points 0 and s e_j. Below these ratios 1, the bound that always holds for two labels.
    These data; others may need less.

    >>> least_rank(8, Fraction(1, 2)), least_rank(8, 0.25), least_rank(8, 0.5, norm=2)
    (8, 1, 3)
    """
    if inputs < 1 or not 0 <= ratio < 1 or norm not in (2, math.inf):
        raise ValueError(f"least_rank: needs inputs >= 1, 0 <= ratio < 1, norm 2 or inf; got {(inputs, ratio, norm)!r}")
    if norm == 2:
        return min(inputs, math.floor(Fraction(ratio) ** 2 * inputs) + 1)
    return inputs if Fraction(ratio) >= Fraction(1, 2) else 1

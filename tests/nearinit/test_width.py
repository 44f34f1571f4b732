"""Width that explicit weights need: the search itself, then how it grows with the dimension."""

import numpy as np
import pytest

from constructive.nearinit import caps, separated_sphere
from constructive.nearinit.fitting import swift_attack
from constructive.nearinit.width import width_needed


def problem(seed: int, n: int, d: int):
    rng = np.random.default_rng([seed, d])
    return caps(separated_sphere(n, d, 0.9, rng=rng), 0.1), rng.choice([-1.0, 1.0], n), rng


def test_the_width_reported_fits_and_so_does_the_next_and_no_earlier_pair():
    where, y, rng = problem(0, 6, 5)
    search = width_needed(where, y, error=0.25, rng=rng, smallest=2)
    fits = [found <= search.error for found in search.deviations]
    at = search.widths.index(search.needed)
    assert fits[at:] == [True, True]
    assert not any(fits[k] and fits[k + 1] for k in range(at))


def test_widths_rise_by_the_factor_and_end_at_the_largest():
    where, y, rng = problem(1, 4, 3)
    search = width_needed(where, y, error=1e-6, rng=rng, smallest=2, largest=20, rounds=1, attacks=[swift_attack])
    assert search.widths == (2, 3, 5, 8, 12, 18)
    assert search.needed is None


def test_a_width_at_which_no_unit_is_open_counts_as_a_failure():
    where, y, _ = problem(2, 10, 4)
    search = width_needed(where, y, error=0.25, rng=0, smallest=1, largest=2)
    assert np.inf in search.deviations
    assert search.needed is None


def test_an_error_above_every_value_needs_one_unit():
    where, y, rng = problem(3, 5, 4)
    search = width_needed(where, y, error=1.5, rng=rng, smallest=1)
    assert (search.needed, search.widths) == (1, (1, 2))


def test_arguments_are_checked():
    where, y, rng = problem(4, 4, 3)
    with pytest.raises(ValueError, match=r"factor=1\.0 must be > 1\.0"):
        width_needed(where, y, error=0.25, rng=rng, factor=1.0)
    with pytest.raises(ValueError, match="largest=4 must be >= 8"):
        width_needed(where, y, error=0.25, rng=rng, largest=4)


@pytest.mark.slow
def test_from_dimension_16_to_128_the_width_grows_like_a_small_power_and_not_exponentially():
    """Two widths of a grid of ratio 1.5 decide each point, so that a slope is known to about 0.2."""
    dimensions, needed = (16, 32, 64, 128), []
    for d in dimensions:
        searches = [width_needed(*problem(seed, 10, d)[:2], error=0.25, rng=seed) for seed in range(3)]
        needed.append(np.mean([np.log(search.needed) for search in searches]))
    slope = np.polyfit(np.log(dimensions), needed, 1)[0]
    assert 0.5 < slope < 2.5

"""Rescaled targets: the chain rule exactly where arithmetic is exact, bounds and evidence carried over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from constructive.domain import Box
from constructive.evidence import Evidence
from constructive.targets import cosine_product, kink, multi_indices, polynomial, rescaled, runge

BOX = Box(np.array([-1.0, 0.5]), np.array([3.0, 1.0]))  # sides 4 and 1/2: every product below is exact
CUBIC = polynomial({(2, 1): 1.5, (0, 3): -2.0, (1, 0): 0.25}, box=BOX)


@pytest.mark.parametrize("alpha", [alpha for r in range(4) for alpha in multi_indices(2, r)])
def test_derivatives_carry_the_sides_to_the_powers_of_the_multi_index(alpha: tuple[int, int]) -> None:
    U = np.random.default_rng(0).integers(0, 33, (50, 2)) / 32
    inner = CUBIC.derivative(alpha, BOX.lower + np.array([4.0, 0.5]) * U)
    assert (rescaled(CUBIC).derivative(alpha, U) == 4.0 ** alpha[0] * 0.5 ** alpha[1] * inner).all()


@pytest.mark.parametrize("r", [0, 1, 2, 3])
def test_bounds_carry_the_longest_side_to_the_power_of_the_order(r: int) -> None:
    assert 4.0**r * CUBIC.bound(r) <= rescaled(CUBIC).bound(r) <= 4.0**r * CUBIC.bound(r) * (1 + 2.0**-36)


def test_the_lipschitz_constant_carries_the_longest_side() -> None:
    assert 4.0 * CUBIC.lipschitz <= rescaled(CUBIC).lipschitz <= 4.0 * CUBIC.lipschitz * (1 + 2.0**-36)


def test_the_result_lives_on_the_unit_cube_and_is_not_rescaled_again() -> None:
    once = rescaled(CUBIC)
    assert (once.box.lower == 0).all()
    assert (once.box.upper == 1).all()
    assert rescaled(once) is once


def test_order_and_evidence_are_kept() -> None:
    bent = replace(kink([0.0], 2, box=Box.cube(1, -2.0, 2.0)), evidence=Evidence.SAMPLED)
    assert rescaled(bent).order == 2
    assert rescaled(bent).evidence is Evidence.SAMPLED
    with pytest.raises(ValueError, match="order 2"):
        rescaled(bent).bound(3)


def test_rescaling_a_wide_function_is_the_function_on_the_cube() -> None:
    wide = rescaled(runge([0.0], 5.0, box=Box.cube(1, -1.0, 1.0)))
    U = np.linspace(0, 1, 257)[:, None]
    for r in range(4):
        here = runge([0.5], 10.0)
        gap = np.abs(wide.derivative((r,), U) - here.derivative((r,), U)).max()
        assert gap <= wide.derivative_rounding(r) + here.derivative_rounding(r)


def test_the_stated_rounding_grows_with_the_distance_from_zero() -> None:
    near = rescaled(cosine_product([1.0], box=Box.cube(1, 0.0, 2.0)))
    far = rescaled(cosine_product([1.0], [-(2.0**20)], box=Box.cube(1, 2.0**20, 2.0**20 + 2.0)))
    assert far.rounding > 2.0**15 * near.rounding


def test_boxes_without_length_are_refused() -> None:
    with pytest.raises(ValueError, match="side 0 of the box"):
        rescaled(cosine_product([1.0], box=Box.cube(1, 2.0, 2.0)))
    with pytest.raises(TypeError, match="must be a Target"):
        rescaled("runge")  # type: ignore[arg-type]

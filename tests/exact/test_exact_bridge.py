"""The bridge between integers and doubles: free one way, refused the other way where something would round."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import few
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.domain import Box
from constructive.exact import IntegerNetwork, from_network, to_network
from constructive.network import Network

dyadic = st.integers(-64, 64).map(lambda k: k / 16)


@st.composite
def doubles(draw: st.DrawFn) -> Network:
    widths = [2, *draw(st.lists(st.integers(1, 3), max_size=2)), 1]
    maps = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        weight = np.array(draw(st.lists(dyadic, min_size=n_in * n_out, max_size=n_in * n_out)))
        maps.append((weight.reshape(n_out, n_in), draw(st.lists(dyadic, min_size=n_out, max_size=n_out))))
    return Network.build(maps)


@few
@given(doubles(), st.lists(st.floats(-3, 3), min_size=2, max_size=2))
def test_the_integers_of_a_network_have_its_exact_values(network: Network, x: list[float]) -> None:
    assert from_network(network).exact(x) == network.exact(x)


@few
@given(doubles())
def test_the_integers_of_a_network_have_its_counts(network: Network) -> None:
    ours, theirs = from_network(network).size, network.size
    assert (ours.depth, ours.width, ours.units, ours.nonzeros, ours.parameters) == (
        theirs.depth, theirs.width, theirs.units, theirs.nonzeros, theirs.parameters)


@few
@given(doubles(), st.lists(st.integers(-32, 32), min_size=2, max_size=2))
def test_there_and_back_has_the_same_values_in_floats(network: Network, x: list[int]) -> None:
    box = Box([-4.0, -4.0], [4.0, 4.0])
    again = to_network(from_network(network), box, step=1 / 8)
    point = [v / 8 for v in x]
    assert again(point).tolist() == [float(v) for v in network.exact(point)]


def test_very_small_and_very_large_weights_survive() -> None:
    network = Network.build([([[2.0**-1060], [2.0**900]], [0.0, 2.0**-3]), ([[1.0, -1.0]], [0.5])])
    assert from_network(network).exact([1.5]) == network.exact([1.5])


def at_most(bits: int) -> IntegerNetwork:
    """relu(x - 1) + 2^(bits - 1) - 1: on 0 .. 2^(bits - 1) the output's terms add up to 2^bits - 2."""
    return IntegerNetwork.build([([[(0, 1)]], [-1]), ([[(0, 1)]], [2 ** (bits - 1) - 1])], inputs=1)


@st.composite
def at_the_edge(draw: st.DrawFn) -> IntegerNetwork:
    """A network whose numbers, values and sums have about as many bits as the format has."""
    bits = draw(st.integers(4, 40))
    number = st.integers(-(1 << bits), 1 << bits)
    widths = [2, *draw(st.lists(st.integers(1, 3), max_size=2)), 1]
    maps = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        maps.append(([[(j, draw(number)) for j in range(n_in)] for _ in range(n_out)],
                     [draw(number) for _ in range(n_out)]))
    return IntegerNetwork.build(maps, inputs=2, scale=Fraction(1, 1 << draw(st.integers(0, 60))))


def in_order(network: Network, x: list[float], orders: Any) -> Any:
    """The network in its own format, each sum term by term in a drawn order, the bias somewhere among them."""
    values = [network.dtype.type(v) for v in x]
    for k, layer in enumerate(network.layers):
        dense, sums = layer.weight.toarray(), []
        for row, bias in zip(dense, layer.bias, strict=True):
            terms = [*(w * v for w, v in zip(row, values, strict=True) if w), bias]
            orders.shuffle(terms)
            total = network.dtype.type(0)
            for term in terms:
                total = total + term
            sums.append(total)
        values = sums if k + 1 == network.depth else [max(v, network.dtype.type(0)) for v in sums]
    return values[0]


@settings(max_examples=300)
@given(at_the_edge(), st.lists(st.integers(-64, 64), min_size=2, max_size=2), st.sampled_from([np.float64, np.float32]),
       st.randoms(use_true_random=False))
def test_what_passes_is_exact_in_every_order_of_summation(f: IntegerNetwork, x: list[int], dtype: type,
                                                          orders: Any) -> None:
    point = [v / 8 for v in x]
    try:
        floats = to_network(f, Box([-8.0, -8.0], [8.0, 8.0]), step=1 / 8, dtype=dtype)
    except ValueError:
        return
    (exact,) = f.exact(point)
    assert Fraction(float(in_order(floats, point, orders))) == exact
    assert Fraction(float(floats(point)[0])) == exact


@pytest.mark.parametrize(("dtype", "bits"), [(np.float64, 53), (np.float32, 24)])
def test_a_sum_of_one_bit_too_many_is_refused_and_its_layer_named(dtype: type, bits: int) -> None:
    top = 2.0 ** (bits - 1)
    fits = to_network(at_most(bits), Box([0.0], [top]), dtype=dtype)
    assert fits.dtype == np.dtype(dtype)
    with pytest.raises(ValueError, match=rf"layer 1 row 0 may need {bits + 1} bits"):
        to_network(at_most(bits + 1), Box([0.0], [top]), dtype=dtype)


def test_a_step_that_needs_more_bits_is_refused() -> None:
    box = Box([0.0], [2.0**50])
    to_network(at_most(51), box, step=2.0**-2)
    with pytest.raises(ValueError, match="layer"):
        to_network(at_most(51), box, step=2.0**-4)


def test_a_number_of_54_bits_is_refused_and_rounded_on_demand() -> None:
    f = IntegerNetwork.build([([[(0, 1)]], [0]), ([[(0, 2**53 + 1)]], [0])], inputs=1)
    with pytest.raises(ValueError, match="layer 1 row 0 holds a number of 54 bits"):
        to_network(f)
    assert to_network(f, rounded=True)([[1.0]]).item() == 2.0**53


def test_trailing_zeros_are_not_counted() -> None:
    f = IntegerNetwork.build([([[(0, 3 << 200)]], [0])], inputs=1)
    assert to_network(f, Box([0.0], [8.0]))([[5.0]]).item() == 15.0 * 2.0**200


def test_a_scale_that_is_no_binary_fraction_is_refused() -> None:
    f = IntegerNetwork.build([([[(0, 1)]], [0])], inputs=1, scale=Fraction(1, 3))
    with pytest.raises(ValueError, match="1/3, which is no binary fraction"):
        to_network(f)
    assert to_network(3 * f)([[5.0]]).item() == 5.0


def test_what_is_beyond_the_range_of_floats_is_refused_even_rounded() -> None:
    f = IntegerNetwork.build([([[(0, 1 << 1100)]], [0])], inputs=1)
    with pytest.raises(ValueError, match="beyond the range of float64"):
        to_network(f, rounded=True)


@pytest.mark.parametrize(("box", "step"), [(Box([0.0], [np.inf]), 1), (Box([0.0], [1.0]), 0)])
def test_unbounded_boxes_and_empty_steps_are_refused(box: Box, step: int) -> None:
    with pytest.raises(ValueError, match="bounded box"):
        to_network(at_most(3), box, step=step)


def test_a_box_of_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="dimension 2"):
        to_network(at_most(3), Box([0.0, 0.0], [1.0, 1.0]))


def test_integers_are_no_format_of_floats() -> None:
    with pytest.raises(TypeError, match="int64"):
        to_network(at_most(3), dtype=np.int64)

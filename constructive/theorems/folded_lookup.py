"""Memorizers of one projection: plateaus as steep as they must be, the folded look-up, and what of it doubles hold."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.exact import (
    IntegerNetwork,
    LineMemorizer,
    Projection,
    along,
    bit_planes,
    certify_on_balls,
    lipschitz_on_line,
    look_up,
    plateaus,
    project,
    to_network,
)
from constructive.network import Network
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_ALSO = ("arXiv:2010.13363", "arXiv:2110.03187")
"""Sublinear memorization by words of bits: where the plan of the look-up comes from."""


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None, classes: int | None = None,
         per_word: int | None = None) -> Instance:
    """Return data on a grid, their classes, a seed for the direction, and a radius that the direction allows."""
    kinds = int(rng.integers(2, 6)) if classes is None else classes
    count = int(rng.integers(2 * kinds, 50)) if n is None else n
    inputs = int(rng.choice((1, 2, 3, 8))) if d is None else d
    X = rng.integers(0, 2**16, (count, inputs)) / 2**16
    y = rng.integers(0, kinds, count)
    y[:kinds] = np.arange(kinds)
    named: dict[str, Any] = {"X": X, "y": y, "seed": int(rng.integers(2**31))}
    largest = Fraction(_projection(**named).radius)
    share = Fraction(int(rng.integers(1, 100)), 100)
    return {**named, "radius": share * largest,
            "per_word": 2 * int(rng.integers(0, 4)) + 1 if per_word is None else per_word}


def draw_signs(rng: np.random.Generator, n: int | None = None, d: int | None = None) -> Instance:
    """Return the same with two classes and no number of thresholds."""
    instance = dict(draw(rng, n=n, d=d, classes=2))
    del instance["per_word"]
    return instance


def _projection(X: Array, y: NDArray[np.int64], seed: int, **_: Any) -> Projection:
    return project(X, y, draws=20, rng=seed)


def _digits(y: NDArray[np.int64]) -> list[list[int]]:
    """Return the wanted outputs: binary digits of the class number as +-1, lowest first."""
    count = max(int(y.max()).bit_length(), 1)
    return [[1 if int(c) >> k & 1 else -1 for k in range(count)] for c in y]


def wrong_balls(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return on how many balls the outputs are not everywhere those of the label, proved from the weights."""
    proof = certify_on_balls(network, instance["X"], _digits(instance["y"]), radius=instance["radius"])
    found = len(proof.wrong)
    return Bracket(found, found + len(proof.undecided), Evidence.EXACT)


def nonzeros(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return the nonzero weights and biases, counted."""
    return exactly(network.size.nonzeros)


def depth(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return the number of affine maps."""
    return exactly(network.depth)


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


# -- the folded look-up ------------------------------------------------------------------------------------------------


def _folded(radius: Fraction, per_word: int, **instance: Any) -> LineMemorizer:
    return bit_planes(_projection(**instance), radius, per_word=per_word)


def construct(**instance: Any) -> IntegerNetwork:
    """Return the look-up, one for each binary digit of the class number."""
    return _folded(**instance).network


def longest(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return the length in bits of the largest number behind the first layer."""
    numbers = [v for layer in network.layers[1:] for v in layer.numbers()]
    return exactly(max(abs(v) for v in numbers).bit_length())


def stated_length(**instance: Any) -> float:
    """Return s b + log2 P + 1 for s keys of b bits a word and the pitch P."""
    f = _folded(**instance)
    return f.per_word * f.bits + math.log2(f.pitch) + 1


def without_a_run(network: IntegerNetwork, instance: Instance, rng: np.random.Generator) -> IntegerNetwork:
    """Return the look-up of data of which one run along the line took over its neighbor's label, or the negative.

    Fewer changes leave the radius admissible; the run's own balls are then wrong.
    """
    projection = _projection(**instance)
    y = np.array(instance["y"])
    order = projection.order
    starts = [0, *[k for k in range(1, len(order)) if y[order[k]] != y[order[k - 1]]], len(order)]
    for k in rng.permutation(len(starts) - 1):
        run, other = order[starts[k]:starts[k + 1]], order[starts[k] - 1 if k else starts[k + 1]]
        if np.isin(y, y[run[0]]).sum() > len(run):  # the class must not die out
            y[run] = y[other]
            direction = [int(w * projection.step) for w in projection.direction]
            return bit_planes(along(instance["X"], y, direction), instance["radius"],
                              per_word=instance["per_word"]).network
    return -network


FOLDED = Theorem(
    name="folded-look-up",
    source=Source("2401.13624", "memorization with few parameters", "ours", "secondary", _ALSO),
    statement="On an integer direction on which no two labels meet, the folded look-up has the binary digits of its "
              "class on the whole ball of every datum, for every radius below half the smallest distance of "
              "different labels over the dual norm of the direction. Its size is a formula in the label changes, and "
              "no number behind the first layer is longer than one word.",
    hypotheses=("classes", "an integer direction on which data of different classes do not meet",
                "radius < r_max, the largest possible on that direction", "thresholds a word odd"),
    claims=(Claim("balls with another output somewhere", wrong_balls, zero, "0", "=="),
            Claim("nonzeros", nonzeros, lambda **instance: float(_folded(**instance).nonzeros),
                  "e + 5 K + 7 (b + 1)(s - 1) + 5 (s > 1), the rest shared by the digits", "=="),
            Claim("depth", depth, lambda **instance: float(_folded(**instance).depth),
                  "7 + (s - 1) b, or 2 less", "=="),
            Claim("bits of the longest number", longest, stated_length, "s b + log2 P + 1")),
    draw=draw, construct=construct, plant=without_a_run, repeats=4,
    proof=(("one cell of the line lies in every gap between balls of different labels", "exact.cells.cells_of"),
           ("b folds pop the first threshold of a word", "exact.words.fold"),
           ("z H against the word compares z with the threshold", "exact.lookups.comparisons"),
           ("the output is constant on the image of a ball", "exact.balls.certify_on_balls")),
)


# -- plateaus: the largest radius, and the slope it costs --------------------------------------------------------------


def construct_plateaus(radius: Fraction, **instance: Any) -> IntegerNetwork:
    """Return the plateaus on the balls."""
    return plateaus(_projection(**instance), radius).network


def slope_times_room(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return the Lipschitz constant times what is left of the largest radius."""
    room = Fraction(_projection(**instance).radius) - instance["radius"]
    return exactly(lipschitz_on_line(network) * room)


def wrong_signs_at_the_limit(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return on how many balls of radius r_max the sign is wrong or 0 somewhere."""
    proof = certify_on_balls(network, instance["X"], _digits(instance["y"]), claim="sign",
                             radius=Fraction(_projection(**instance).radius))
    found = len(proof.wrong)
    return Bracket(found, found + len(proof.undecided), Evidence.EXACT)


def flatter(network: IntegerNetwork, instance: Instance, rng: np.random.Generator) -> IntegerNetwork:
    """Return plateaus on smaller balls: flatter than the theorem allows."""
    return construct_plateaus(**{**instance, "radius": instance["radius"] * Fraction(int(rng.integers(0, 100)), 100)})


PLATEAUS = Theorem(
    name="largest-radius-on-a-line",
    source=Source("2401.13624", "memorization with few parameters", "ours", "secondary", _ALSO),
    statement="No function of a . x has the right sign on all balls of radius r_max, half the smallest distance of "
              "different labels along a over the dual norm of a. For every smaller radius the plateaus are +-1 on all "
              "balls, with 6 nonzeros a label change and Lipschitz constant 1 / (r_max - radius).",
    hypotheses=("two classes", "an integer direction on which they do not meet", "radius < r_max"),
    claims=(Claim("balls with another output somewhere", wrong_balls, zero, "0", "=="),
            Claim("Lipschitz constant times (r_max - radius)", slope_times_room, lambda **_: 1.0, "1", "=="),
            Claim("balls of radius r_max with a wrong sign somewhere", wrong_signs_at_the_limit, lambda **_: 2.0, "2",
                  ">="),
            Claim("nonzeros", nonzeros,
                  lambda radius, **instance: float(plateaus(_projection(**instance), radius).nonzeros),
                  "e + 6 c + 2", "==")),
    draw=draw_signs, construct=construct_plateaus, plant=flatter, repeats=4,
    proof=(("two balls of radius r_max share a value of a . x", "exact.projection.Projection"),
           ("two units a gap", "exact.interpolants.plateaus")),
)


# -- what doubles hold -------------------------------------------------------------------------------------------------


def draw_many(rng: np.random.Generator, n: int | None = None, d: int | None = None) -> Instance:
    """Return enough data of two classes that many thresholds in one word are too much for doubles."""
    return draw_signs(rng, n=int(rng.integers(60, 120)) if n is None else n, d=int(rng.choice((2, 3, 8)))
                      if d is None else d)


def construct_in_doubles(radius: Fraction, **instance: Any) -> Network:
    """Return the smallest look-up that the bridge lets pass, in doubles."""
    projection = _projection(**instance)
    f = look_up(projection, radius, per_word="float64")
    return to_network(f.network, projection.box, step=projection.step)


def wrong_outputs(network: Network, instance: Instance) -> Bracket:
    """Return at how many data the program in doubles does not return the label."""
    return exactly(int((network(instance["X"])[:, 0] != 2.0 * instance["y"] - 1.0).sum()))


def too_long(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the look-up with 13 thresholds a word, every number rounded to a double."""
    f = look_up(_projection(**instance), instance["radius"], per_word=13)
    return to_network(f.network, rounded=True)


DOUBLES = Theorem(
    name="look-up-in-doubles",
    source=Source("2401.13624", "memorization with few parameters", "ours", "secondary", _ALSO),
    statement="A look-up whose numbers and sums on the box of the data need at most 53 bits returns every label in "
              "doubles, in any order of summation. Longer words rounded to doubles do not.",
    hypotheses=("two classes", "data on a binary grid", "one threshold a word needs at most 53 bits"),
    claims=(Claim("data with another output in doubles", wrong_outputs, zero, "0", "=="),),
    draw=draw_many, construct=construct_in_doubles, plant=too_long, repeats=4,
    proof=(("each sum is bounded in units of what divides its terms", "exact.bridge.to_network"),),
)

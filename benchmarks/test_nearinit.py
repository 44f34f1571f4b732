"""One round of adversarial training near initialization, and the same round written with PyTorch.

``python -m pytest benchmarks/test_nearinit.py -s -m "slow or not slow"`` prints the ratios. Both do the same: the same
points, steps and retractions of an ascent on every cap, then one step of the first layer against the mean slope of the
Huber loss, in double precision, PyTorch in one thread; they are first checked to agree. Told is processor time of all
threads, the least of several in turn: on a busy machine wall time tells more of the other programs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from constructive import nearinit

Array = NDArray[np.float64]

STEPS, RATE, HUBER, RADIUS, ROUNDS = 6, 1.0, 0.3, 0.1, 9
SIZES = [(10, 16, 512), (12, 8, 2048), (20, 64, 2**14)]


def make_case(n: int, d: int, m: int) -> tuple[nearinit.Caps, Array, nearinit.Units, Array]:
    """Return caps, labels, paired units and a theta to start from."""
    rng = np.random.default_rng(0)
    caps = nearinit.caps(nearinit.separated_sphere(n, d, 0.5, rng=rng), RADIUS)
    return caps, rng.choice([-1.0, 1.0], n), nearinit.draw_units(m, d, paired=True, rng=rng), rng.normal(size=(m, d))


def ours(caps: nearinit.Caps, y: Array, units: nearinit.Units, theta: Array) -> Array:
    """Return theta after one round: an ascent from the center of each cap, one step."""
    run = nearinit.adversarial_training(caps, y, units, nearinit.unit_scale(), rounds=1, rate=RATE, huber=HUBER,
                                        steps=STEPS, starts=0, start=theta)
    return run.theta


def torch_round(torch: Any, caps: nearinit.Caps, y: Array, units: nearinit.Units, theta: Array) -> Callable[[], Array]:
    """Return the same round with PyTorch's automatic differentiation."""
    X, wanted, weight, bias, sign = (torch.tensor(np.array(a)) for a in
                                     (caps.X, y, units.weight, units.bias, units.sign))
    start, m = torch.tensor(theta), units.width
    cosine, sine = float(np.cos(caps.angle)), float(np.sin(caps.angle))
    strides = 0.4 * RADIUS * np.geomspace(1.0, 0.25, STEPS)

    def network(x: Any, moved: Any) -> Any:
        return torch.relu(x @ (weight + sign[:, None] * moved / m).T + bias) @ sign

    def retracted(x: Any) -> Any:
        x = x / x.norm(dim=1, keepdim=True)
        tangent = x - (x * X).sum(dim=1, keepdim=True) * X
        rim = cosine * X + sine * tangent / tangent.norm(dim=1, keepdim=True).clamp_min(1e-300)
        return torch.where((x - X).norm(dim=1, keepdim=True) > RADIUS, rim, x)

    def once() -> Array:
        x = best = X
        gate = (weight + sign[:, None] * start / m).T.contiguous()  # formed once for the ascent, as it does not change
        value = None
        for turn in range(STEPS + 1):
            x = x.detach().requires_grad_(turn < STEPS)
            found = torch.relu(x @ gate + bias) @ sign
            with torch.no_grad():
                if value is None:
                    value, best = found.detach(), x.detach()
                better = found > value
                value, best = torch.where(better, found, value), torch.where(better[:, None], x, best)
            if turn == STEPS:
                break
            (slope,) = torch.autograd.grad(found.sum(), x)
            with torch.no_grad():
                slope = slope - (slope * x).sum(dim=1, keepdim=True) * x
                x = retracted(x + strides[turn] * slope / slope.norm(dim=1, keepdim=True))
        moved = start.clone().requires_grad_(True)
        loss = torch.nn.functional.huber_loss(network(best, moved), wanted, delta=HUBER) / HUBER
        (grad,) = torch.autograd.grad(loss, moved)
        return np.asarray((start - RATE * m * grad).detach().numpy())

    return once


@pytest.mark.parametrize(("n", "d", "m"), SIZES)
def test_a_round_in_turn_with_pytorch(benchmark: Any, capsys: pytest.CaptureFixture[str], n: int, d: int,
                                      m: int) -> None:
    """Both rounds one after the other, several times."""
    torch = pytest.importorskip("torch")
    benchmark.group = f"one round of training, n = {n}, d = {d}, width {m}"
    caps, y, units, theta = make_case(n, d, m)
    theirs, threads = torch_round(torch, caps, y, units, theta), torch.get_num_threads()
    assert np.abs(ours(caps, y, units, theta) - theirs()).max() <= 1e-9

    ways = {"ours": lambda: ours(caps, y, units, theta), "PyTorch": theirs}
    seconds: dict[str, list[float]] = {way: [] for way in ways}

    def once() -> None:
        for way, make in ways.items():
            start = time.process_time()
            make()
            seconds[way].append(time.process_time() - start)

    torch.set_num_threads(1)
    try:
        benchmark.pedantic(once, rounds=ROUNDS, warmup_rounds=1)
    finally:
        torch.set_num_threads(threads)
    found = {way: min(spent[1:]) for way, spent in seconds.items()}
    with capsys.disabled():
        print(f"\n  n = {n}, d = {d}, width {m}:")
        for way, spent in found.items():
            benchmark.extra_info[way] = spent
            print(f"    {way:24} {1e3 * spent:9.2f} ms, {spent / found['ours']:.1f} times ours")


@pytest.mark.parametrize("part", ["training", "fitting", "ledger"])
@pytest.mark.slow
def test_wide_networks_in_many_dimensions(benchmark: Any, part: str) -> None:
    """Twenty caps in 64 dimensions, 2^14 units."""
    benchmark.group = "n = 20, d = 64, width 2^14"
    caps, y, units, _ = make_case(20, 64, 2**14)

    def train() -> nearinit.TrainingRun:
        return nearinit.adversarial_training(caps, y, units, nearinit.unit_scale(), rounds=100, rate=4.0,
                                             smoothing=0.1, rng=0)

    if part == "training":
        run = benchmark.pedantic(train, rounds=1, warmup_rounds=1)
        assert run.losses[-1] < 0.1 * run.losses[0]
    elif part == "fitting":
        fit = benchmark.pedantic(nearinit.robust_fit, (caps, y, units),
                                 {"error": 0.2, "rng": 0, "attacks": (nearinit.swift_attack,)}, rounds=1)
        assert fit.settled
    else:
        run = train()
        assert benchmark.pedantic(nearinit.regret_ledger, (run, np.ones_like(run.theta)), rounds=1).balanced

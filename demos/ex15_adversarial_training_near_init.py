"""
Adversarial training near initialization: a ledger that must balance
====================================================================

The first layer of a two-layer network is trained against an adversary that moves each datum inside its spherical cap.
Against *any* fixed comparator the regret of the run is known to the last term: distance gained, size of gradients,
coupling with the linearized network, and what convexity gives away. The sides agree to rounding, on every run; with
weights of small norm that fit all caps as comparator, this is why training reaches low robust loss. The same data
embedded in 4, 16 and 64 dimensions, so that only the caps grow, need no wider network for the same robust loss.

``python demos/ex15_adversarial_training_near_init.py --full`` takes six data sets for each width instead of two, and
trains 2^14 units on 20 caps in 64 dimensions.
"""

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import nearinit

SEED = 15
HUBER, RUNS = 0.3, 50
DIMENSIONS, WIDTHS = (4, 16, 64), (32, 128, 512, 2048)
STAGES = (100, 300, 1000, 2500, 4000)
ATTACK = {"steps": 12, "starts": 3}
BLUE, ORANGE, GREEN, VERMILION, SKY, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                              con.plotting.VERMILION, con.plotting.SKY, con.plotting.BLACK)


def main(out=None, seed=SEED, full=False):
    """Train, audit, compare and draw; return the report, and save it with its picture into ``out`` if given."""
    audited, random_runs, long = audit(seed), balanced_runs(seed), long_run(seed)
    widths, promised = by_width(seed, 6 if full else 2), promises(seed)
    found = {(d, m): geometric_mean(losses) for (d, m), losses in widths.items()}
    judge, exactly = con.evidence.judge, con.evidence.exactly
    report = con.Report(
        title="Adversarial training near initialization",
        checks=(
            judge(f"largest imbalance of the ledger over its tolerance, {RUNS} random runs and comparators",
                  exactly(max(abs(ledger.imbalance) / ledger.tolerance for ledger in random_runs)), "<=", 1.0),
            judge("largest regret above the right side, over the tolerance, same runs",
                  exactly(max((ledger.left - ledger.right) / ledger.tolerance for ledger in random_runs)), "<=", 1.0),
            judge("ledgers against fitted weights that do not balance",
                  exactly(sum(not ledger.balanced for _, _, ledger in audited)), "==", 0.0),
            judge("robust loss found by a stronger attack after the long run", found_by_attack(long["robust"][-1]),
                  "<=", 0.005, "0.9 at its start"),
            *(judge(f"robust loss found at d = 64 over that at d = 4, width {m}", found_by_attack(
                found[64, m] / found[4, m]), "<=", 1.25, "no growth: 1, and a quarter for the spread")
              for m in WIDTHS if m >= 512),
        ),
        tables=(ledgers(audited), course(long), width_table(widths), promise_table(promised)),
        notes=(
            f"Huber loss with knee {HUBER}; robust losses are what an attack with several starts and smoothed gates "
            "finds, so lower bounds of the truth; the same attack in all dimensions",
            "the loss of a run is that at the points its own attack found",
            *((wide(seed),) if full else ()),
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(audited[-1][2], long, widths).savefig(folder / "ex15_adversarial_training_near_init.png", dpi=160)
        text = con.report.text(report) + "\n"
        (folder / "ex15_adversarial_training_near_init.txt").write_text(text, encoding="utf-8")
    return report


def found_by_attack(value):
    """Return the bracket of a number that rests on attacks."""
    return con.evidence.Bracket(float(value), float(value), con.evidence.Evidence.SAMPLED)


def robust_loss(network, caps, y):
    """Return the mean loss at the worst points that the strong attack finds."""
    seen = nearinit.robust_deviation(network.gated(), caps, y, rng=0, **ATTACK)
    return float(nearinit.huber_loss(seen.deviations, HUBER).mean())


def audit(seed):
    """Return (name, robust loss, ledger) of four runs, the comparator being weights fitted to the caps."""
    rng, rows = np.random.default_rng(seed), []
    X, y = nearinit.separated_sphere(12, 8, 0.92, rng=rng), rng.choice([-1.0, 1.0], 12)
    caps = nearinit.caps(X, 0.1)
    for paired in (False, True):
        for width in (512, 2048):
            scale = nearinit.unit_scale() if paired else nearinit.paper_scale(width)
            units = nearinit.draw_units(width, 8, paired=paired, rng=rng)
            fit = nearinit.robust_fit(caps, y, units, error=0.15, rng=rng, attacks=(nearinit.swift_attack,))
            run = nearinit.adversarial_training(caps, y, units, scale, rounds=600, rate=1.0, huber=HUBER,
                                                smoothing=0.1, rng=seed)
            name = f"{'paired, P = 1' if paired else 'published scale'}, width {width}"
            rows.append((name, robust_loss(run.network, caps, y), nearinit.regret_ledger(run, fit.theta)))
    return rows


def balanced_runs(seed):
    """Return the ledgers of random runs against random comparators, near the run and far from it."""
    rng, ledgers = np.random.default_rng(seed + 1), []
    for k in range(RUNS):
        n, d, m = int(rng.integers(1, 9)), int(rng.integers(2, 20)), 2 * int(rng.integers(1, 200))
        caps = nearinit.caps(nearinit.separated_sphere(n, d, 0.3, rng=rng), 0.12)
        scale = (nearinit.paper_scale, nearinit.tangent_scale, lambda _: nearinit.unit_scale())[k % 3](m)
        units = nearinit.draw_units(m, d, paired=bool(k % 2), rng=rng)
        run = nearinit.adversarial_training(caps, rng.uniform(-1, 1, n), units, scale, rounds=40,
                                            rate=list(rng.uniform(0.1, 3.0, 40)), rng=rng)
        ledgers.append(nearinit.regret_ledger(run, (0.0, 1.0, 30.0)[k // 2 % 3] * rng.normal(size=(m, d))))
    return ledgers


def long_run(seed):
    """Return the long run on 10 caps in 16 dimensions, and its robust losses after some rounds."""
    rng = np.random.default_rng(seed + 2)
    X4, y = nearinit.separated_sphere(10, 4, 0.9, rng=rng), rng.choice([-1.0, 1.0], 10)
    caps, units = nearinit.caps(embedded(X4, 16, rng), 0.1), nearinit.draw_units(512, 16, rng=rng)
    run = nearinit.adversarial_training(
        caps, y, units, nearinit.paper_scale(512), rounds=STAGES[-1], huber=HUBER, smoothing=0.1, rng=seed,
        rate=lambda t: 4.0 if t <= 1000 else 2.0 if t <= 2500 else 1.0)
    networks = [run.after(stage) for stage in STAGES]
    return {"run": run, "networks": networks, "robust": [robust_loss(network, caps, y) for network in networks]}


def embedded(X, dimension, rng):
    """Return the points turned into a random subspace of more dimensions: the same Gram matrix."""
    turn = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    return np.hstack([X, np.zeros((X.shape[0], dimension - X.shape[1]))]) @ turn


def by_width(seed, sets):
    """Return the robust losses after 300 rounds at rate 4, for each dimension and width, one for each data set."""
    losses = {(d, m): [] for d in DIMENSIONS for m in WIDTHS}
    for k in range(sets):
        rng = np.random.default_rng(seed + 100 + k)
        X4, y = nearinit.separated_sphere(10, 4, 0.9, rng=rng), rng.choice([-1.0, 1.0], 10)
        for d, m in losses:
            caps = nearinit.caps(embedded(X4, d, rng), 0.1)
            units = nearinit.draw_units(m, d, rng=rng)
            run = nearinit.adversarial_training(caps, y, units, nearinit.paper_scale(m), rounds=300, rate=4.0,
                                                huber=HUBER, smoothing=0.1, rng=rng)
            losses[d, m].append(robust_loss(run.network, caps, y))
    return losses


def promises(seed, excess=0.3):
    """Return for each dimension what is promised before training, and the least width that was seen to keep it."""
    rng, rows = np.random.default_rng(seed + 3), []
    X4, y = nearinit.separated_sphere(10, 4, 0.9, rng=rng), rng.choice([-1.0, 1.0], 10)
    for d in DIMENSIONS:
        caps = nearinit.caps(embedded(X4, d, rng), 0.1)
        fit = nearinit.robust_fit(caps, y, nearinit.draw_units(512, d, paired=True, rng=rng), error=0.15, rng=rng,
                                  attacks=(nearinit.swift_attack,))
        size, top = fit.frobenius, fit.network.largest
        told = nearinit.training_promise(d, size, top, excess)
        paper = nearinit.training_promise(d, size, top, excess, scale=nearinit.paper_scale, paired=False)
        goal = float(nearinit.huber_loss(0.15, HUBER)) + excess
        for width in (2**k for k in range(1, 12)):
            run = nearinit.adversarial_training(caps, y, nearinit.draw_units(width, d, paired=True, rng=rng),
                                                nearinit.unit_scale(), rounds=told.rounds, rate=told.rate, huber=HUBER,
                                                smoothing=0.1, rng=rng)
            if run.losses.mean() <= goal:
                break
        rows.append((d, size, top, told.rounds, told.rate, told.width, plain_width(d, told), paper.width, width,
                     float(run.losses.mean()), goal))
    return rows


def plain_width(dimension, told):
    """Return the least power of 2 at which plain deviations give the same coupling, on average over draws."""
    for width in (2**k for k in range(1, 60)):
        if nearinit.expected_uniform_coupling(width, dimension, 1.0, told.drift, told.largest,
                                              paired=True) <= told.coupling:
            return width
    return np.inf


def wide(seed):
    """Return a sentence on training and fitting 2^14 units on 20 caps in 64 dimensions."""
    rng = np.random.default_rng(seed + 4)
    X, y = nearinit.separated_sphere(20, 64, 0.9, rng=rng), rng.choice([-1.0, 1.0], 20)
    caps, units = nearinit.caps(X, 0.1), nearinit.draw_units(2**14, 64, paired=True, rng=rng)
    start = time.process_time()
    run = nearinit.adversarial_training(caps, y, units, nearinit.unit_scale(), rounds=150, rate=4.0, huber=HUBER,
                                        smoothing=0.1, rng=rng)
    middle = time.process_time()
    fit = nearinit.robust_fit(caps, y, units, error=0.2, rng=rng, attacks=(nearinit.swift_attack,))
    end = time.process_time()
    return (f"n = 20, d = 64, width 2^14: 150 rounds of training in {middle - start:.1f} s of processor time to a "
            f"loss of {run.losses[-1]:.4f}; weights fitted within 0.2 in {end - middle:.1f} s, {len(fit.history)} "
            "rounds of cutting planes")


def ledgers(audited):
    """Return all terms of the ledgers, divided by the sum of the rates."""
    rows = []
    for name, robust, ledger in audited:
        total = float(ledger.rates.sum())
        rows.append((name, float(ledger.losses[0]), float(ledger.losses[-1]), robust, ledger.left / total,
                     ledger.right / total, ledger.initial / total, ledger.gradient / total, -ledger.coupling / total,
                     ledger.bregman / total, float(ledger.compared.mean())))
    columns = ("run", "first loss", "last loss", "robust loss found", "left: regret", "right", "distance", "gradient",
               "coupling", "Bregman gaps", "comparator's loss")
    return con.evidence.Table("Ledgers against fitted weights, for each unit of rate", columns, tuple(rows),
                              "right = distance + gradient + coupling = left + Bregman gaps; 12 caps of radius 0.1 in "
                              "8 dimensions, 600 rounds at rate 1; a regret below 0: the run beats its comparator, "
                              "which at the published scale carries the initial network and the coupling")


def course(long):
    """Return the losses of the long run."""
    run, rows = long["run"], [(0, float(long["run"].losses[0]), "", 0.0, 0.0)]
    for stage, network, robust in zip(STAGES, long["networks"], long["robust"], strict=True):
        moved = network.linearized()
        rows.append((stage, float(run.losses[stage - 1]), robust, moved.frobenius, moved.largest))
    columns = ("rounds", "loss in training", "robust loss found", "root mean square move", "largest move")
    return con.evidence.Table("The long run", columns, tuple(rows),
                              "10 caps of radius 0.1, Gram matrix of 4-dimensional data, d = 16, width 512, published "
                              "scale; rate 4, from round 1001 on 2, from 2501 on 1; moves free of scale")


def width_table(widths):
    """Return the robust losses by width and dimension."""
    rows = [(m, *(geometric_mean(widths[d, m]) for d in DIMENSIONS)) for m in WIDTHS]
    count = len(next(iter(widths.values())))
    return con.evidence.Table("Robust loss found, by width and ambient dimension", ("width", *(
        f"d = {d}" for d in DIMENSIONS)), tuple(rows), f"geometric means over {count} data sets with the same Gram "
        "matrix in all dimensions; published scale, 300 rounds at rate 4")


def geometric_mean(values):
    """Return exp of the mean of logs."""
    return float(np.exp(np.mean(np.log(values))))


def promise_table(rows):
    """Return what was promised beside what was measured."""
    columns = ("d", "comparator's size", "largest", "rounds", "rate", "width promised, P = 1",
               "by plain deviations", "published scale", "least width seen", "mean loss there", "promised mean loss")
    shown = tuple((*row[:5], *(f"{width:.2g}" for width in row[5:8]), *row[8:]) for row in rows)
    return con.evidence.Table("Widths promised before training, and seen", columns, shown,
                              "promised with probability 0.95, for every adversary: mean loss <= comparator's + 0.3; "
                              "conservative by orders of magnitude, about linear in d for P = 1; seen: the first power "
                              "of 2 at which one run's mean loss kept the promise")


def draw(ledger, long, widths):
    """Return the figure: a ledger, the long run, and robust loss by width."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(1, 3, figsize=(15.5, 5.2), layout="constrained", width_ratios=[1.15, 1, 1])
        draw_ledger(ledger, axes[0])
        draw_course(long, axes[1])
        draw_widths(widths, axes[2])
        for panel in axes:
            panel.spines[["top", "right"]].set_visible(False)
    return figure


def draw_ledger(ledger, axes):
    """Draw both sides after each round, the terms of the right one stacked."""
    rounds = np.arange(1, ledger.rates.size + 1)
    left, right = ledger.sides()
    gradient = np.cumsum(ledger.rates**2 * ledger.gradients / 2)
    coupling = -np.cumsum(ledger.rates * ledger.couplings)
    axes.fill_between(rounds, 0, right - gradient - coupling, color=SKY, alpha=0.55, lw=0, label="distance gained")
    axes.fill_between(rounds, right - gradient - coupling, right - coupling, color=ORANGE, alpha=0.8, lw=0,
                      label="gradients")
    axes.fill_between(rounds, left, right, facecolor="none", edgecolor=GREEN, hatch="///", lw=0, alpha=0.9,
                      label="Bregman gaps, right less left")
    axes.plot(rounds, right, color=VERMILION, lw=2.4, label="right side")
    axes.plot(rounds, left, color=BLUE, lw=2.4, label="left side: regret")
    axes.set(xlabel="round", ylabel="sum over the rounds so far", xlim=(0, rounds[-1]), ylim=(0, None))
    axes.set_title("the ledger of one run balances", fontsize=13)
    axes.legend(loc="lower right", fontsize=11, title="coupling: too small to see")


def draw_course(long, axes):
    """Draw the loss in training and the robust losses found."""
    losses = long["run"].losses
    axes.plot(np.arange(1, losses.size + 1), losses, color=BLUE, lw=1.0, alpha=0.8, label="found in training")
    axes.plot(STAGES, long["robust"], "o-", color=VERMILION, lw=1.6, ms=6, label="found by a stronger attack")
    axes.axhline(0.005, color=BLACK, lw=1.2, ls="--")
    axes.annotate("0.005", (1.3, 0.0053), va="bottom", fontsize=11)
    axes.set(xscale="log", yscale="log", xlabel="round (log scale)", ylabel="robust loss (log scale)", xlim=(1, None))
    axes.set_title("the long run", fontsize=13)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.08), fontsize=11)


def draw_widths(widths, axes):
    """Draw the robust losses by width, one line for each dimension."""
    for d, color, marker in zip(DIMENSIONS, (BLUE, ORANGE, GREEN), "os^", strict=True):
        values = [widths[d, m] for m in WIDTHS]
        axes.plot(WIDTHS, [geometric_mean(v) for v in values], color=color, marker=marker, lw=2, ms=7, label=f"d = {d}")
        for m, v in zip(WIDTHS, values, strict=True):
            axes.plot([m] * len(v), v, marker, color=color, ms=4, alpha=0.4)
    axes.set(xscale="log", yscale="log", xlabel="width (log scale)", ylabel="robust loss found (log scale)",
             ylim=(0.01, 0.2))
    axes.set_xticks(WIDTHS, [str(m) for m in WIDTHS])
    axes.minorticks_off()
    axes.set_yticks([0.01, 0.02, 0.05, 0.1, 0.2], ["0.01", "0.02", "0.05", "0.1", "0.2"])
    axes.set_title("same Gram matrix, more dimensions", fontsize=13)
    axes.legend(loc="upper right", fontsize=11)


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))

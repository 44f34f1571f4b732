"""
Near initialization: explicit weights that fit whole caps
=========================================================

A wide ReLU network barely moves in training. Are there weights so near a random initialization that the network takes
the right value on a whole cap round every datum? Three answers, none of them trained: weights by a formula from Hermite
features, weights by a formula from bounded features, and the shortest weights that do it, found by cutting planes. The
deviation on the caps falls like one over the square root of the width for the formulas; the shortest weights need a few
hundred units. The last panel asks how many units they need as the dimension grows.

``python demos/ex14_near_initialization.py --full`` takes more widths, seeds and dimensions, and much longer.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import nearinit

SEED = 14
N, D, DISTANCE, RADIUS, ERROR = 8, 8, 1.0, 0.1, 0.09
WIDTHS, DRAWS, DIMENSIONS, SEARCHES = (2**8, 2**10, 2**12), 2, (4, 16, 64), 3
FULL = {"widths": tuple(2**k for k in range(8, 18)), "draws": 4, "dimensions": (4, 8, 16, 32, 64, 128, 256),
        "searches": 6}
FIT_WIDTH, FIT_LIMIT, FIT_LARGEST = 2**10, 0.12, 15.0
WIDEST_FIT = 2**14
POINTS = 10_000
SEARCH_ERROR, SEARCH_N, SEARCH_DISTANCE = 0.25, 10, 0.9
CURVES = {
    "Hermite features, by formula": (con.plotting.ORANGE, "s"),
    "bounded features, by formula": (con.plotting.BLUE, "o"),
    "shortest weights": (con.plotting.GREEN, "D"),
    "real network of these, small output": (con.plotting.VERMILION, "v"),
    "real network of these, paired": (con.plotting.PURPLE, "^"),
}
HERMITE, BOUNDED, SHORTEST, SMALL, PAIRED = CURVES


def main(out=None, seed=SEED, widths=WIDTHS, draws=DRAWS, dimensions=DIMENSIONS, searches=SEARCHES):
    """Build, attack, search widths and draw; return the report, and save it with its picture into ``out`` if given."""
    rng = np.random.default_rng(seed)
    caps, y = problem(rng, N, D, DISTANCE)
    task = nearinit.step_task(caps, ERROR)
    steps = {HERMITE: nearinit.minimal_step(task), BOUNDED: nearinit.atomic_step(task)}
    bounds = {m: {name: predicted(caps, y, step, m) for name, step in steps.items()} for m in widths}
    runs = [run(caps, y, steps, m, rng, points=0 if k else POINTS) for m in widths for k in range(draws)]
    fits = {d: shortest(d, rng) for d in (8, 32)}
    needed = {d: [width_needed(d, k) for k in range(searches)] for d in dimensions}

    judge, checks = con.evidence.judge, []
    for d, (found, largest) in fits.items():
        checks += [judge(f"shortest weights, d = {d}, m = {FIT_WIDTH}: deviation on the caps", attacked(found), "<=",
                         FIT_LIMIT), judge("... their longest move", computed(largest), "<=", FIT_LARGEST)]
    checks += [
        judge("bounded features: longest move over its bound, worst of all runs",
              computed(max(each["largest"][BOUNDED] for each in runs) / bounds[widths[0]][BOUNDED][0].largest), "<=",
              1.0),
        judge("both formulas: deviation over its bound (95 %), worst of all runs", attacked(max(
            each["found"][name] / bounds[each["width"]][name][1].total for each in runs for name in steps)), "<=", 1.0),
        judge(f"network less linearization over its bound, worst of {POINTS:,} points at each width",
              attacked(max(each["coupling"] for each in runs)), "<=", 1.0),
        judge("slope of log width needed in log dimension", attacked(slope(needed)), "<=", 1.0,
              "linear, as the bound of existence"),
        judge("robust error of a real network of 64 units, l_2 balls, by certificate", certified(rng), "==", 0.0),
    ]
    if len(widths) > 5:
        fitted = rate(runs, HERMITE, 2**10)
        checks += [judge("slope of the deviation in the width, Hermite features", attacked(fitted), sign, end)
                   for sign, end in ((">=", -0.65), ("<=", -0.35))]
    report = con.Report(
        title="Near initialization: explicit weights that fit whole caps",
        checks=tuple(checks),
        tables=(deviations(runs, bounds), moves(runs, bounds), search_table(needed)),
        notes=(
            f"{N} unit points in dimension {D}, at least {DISTANCE} apart, labels -1 and +1, caps of radius {RADIUS}; "
            f"steps and fits ask for a deviation of {ERROR}; seed {seed}",
            "deviations are the largest that an attack found: lower bounds of the suprema on the caps, with the same "
            "attack for every kind of weights",
            "root mean square of the moves before a unit is drawn: "
            + ", ".join(f"{name} {bounds[widths[0]][name][0].frobenius:.3g}" for name in steps),
            f"width needed: {SEARCH_N} points at least {SEARCH_DISTANCE} apart, deviation {SEARCH_ERROR}, first of two "
            "widths in a row on a grid of ratio 1.5, at most 8 rounds: an upper estimate",
            "bounds of existence are promises: where they are above 1 they say nothing about labels of size 1",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(runs, bounds, needed).savefig(folder / "ex14_near_initialization.png", dpi=160)
        (folder / "ex14_near_initialization.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def problem(rng, n, d, distance):
    """Return caps round random unit points, and labels of both signs."""
    caps = nearinit.caps(nearinit.separated_sphere(n, d, distance, rng=rng), RADIUS)
    return caps, rng.permutation(np.where(np.arange(n) % 2, 1.0, -1.0))


def attacked(value):
    """Return a number that an attack found: a lower bound, no proof."""
    return con.Bracket(float(value), float(value), con.Evidence.SAMPLED)


def predicted(caps, y, step, width):
    """Return what a formula promises at a width, on average over units and with probability 95 %."""
    return [nearinit.predict_existence(caps, y, step, width, failure=failure) for failure in (None, 0.05)]


def computed(value):
    """Return a number computed from the weights, within a generous bound of its rounding."""
    return con.Bracket(value * (1 - 2.0**-40), value * (1 + 2.0**-40))


def run(caps, y, steps, width, rng, points):
    """Return what five kinds of weights do at a width: deviation found, root mean square and longest of the moves."""
    units, pairs = (nearinit.draw_units(width, caps.dimension, paired=paired, rng=rng) for paired in (False, True))
    weights = {HERMITE: nearinit.hermite_weights(caps, y, steps[HERMITE], units),
               BOUNDED: nearinit.bounded_weights(caps, y, steps[BOUNDED], units)}
    networks, coupling = dict(weights), 0.0
    if width <= WIDEST_FIT:
        weights[SHORTEST] = fit(caps, y, units).network
        networks[SHORTEST] = weights[SHORTEST]
        networks[SMALL] = nearinit.NearNetwork(units, weights[SHORTEST].theta, nearinit.paper_scale(width))
        networks[PAIRED] = nearinit.NearNetwork(pairs, fit(caps, y, pairs).theta, nearinit.tangent_scale(width))
        if points:
            x = caps.draw(np.arange(points) % caps.n, rng)
            coupling = max(apart(network, x) for network in (networks[SMALL], networks[PAIRED]))
    return {"width": width, "coupling": coupling,
            "found": {name: nearinit.robust_deviation(network.gated(), caps, y, rng=rng).worst
                      for name, network in networks.items()},
            "root": {name: network.frobenius for name, network in weights.items()},
            "largest": {name: network.largest for name, network in weights.items()}}


def apart(network, x):
    """Return the largest |network - its start - linearization| over its bound, less 1e-12 for rounding, at points."""
    difference = np.abs(network(x) - network.initial()(x) - network.linearized()(x))
    return float(((difference - 1e-12) / np.maximum(nearinit.measure_coupling(network, x).bound, 1e-12)).max())


def fit(caps, y, units):
    """Return the shortest weights; in wide networks the short attack alone decides when to stop."""
    attacks = nearinit.fitting.ATTACKS if units.width <= FIT_WIDTH else (nearinit.swift_attack,)
    return nearinit.robust_fit(caps, y, units, error=ERROR, attacks=attacks)


def shortest(d, rng):
    """Return the deviation that a fresh, longer attack finds in dimension d, and the longest move."""
    caps, y = problem(rng, N, d, DISTANCE)
    network = fit(caps, y, nearinit.draw_units(FIT_WIDTH, d, rng=rng)).network
    found = nearinit.robust_deviation(network.gated(), caps, y, rng=rng, steps=20, starts=5)
    return found.worst, network.largest


def width_needed(d, k):
    """Return the width at which the shortest weights are found, k-th problem in dimension d."""
    rng = np.random.default_rng([SEED, d, k])
    caps, y = problem(rng, SEARCH_N, d, SEARCH_DISTANCE)
    return nearinit.width_needed(caps, y, error=SEARCH_ERROR, rng=rng).needed


def certified(rng):
    """Return the robust error of a small real network, a plain Network by now, on l_2 balls round its data."""
    caps, y = problem(rng, 4, 2, DISTANCE)
    weights = fit(caps, y, nearinit.draw_units(64, 2, paired=True, rng=rng))
    network = nearinit.NearNetwork(weights.units, weights.theta, nearinit.unit_scale()).to_network()
    return con.robust_error(network, caps.X, y, radius=RADIUS, norm=2)


def slope(needed):
    """Return the slope of the mean log width over log dimension."""
    return np.polyfit(np.log(list(needed)), np.log(means(needed)), 1)[0]


def means(needed):
    """Return the geometric mean of the widths needed in each dimension."""
    return np.array([np.exp(np.mean(np.log(each))) for each in needed.values()])


def rate(runs, name, smallest):
    """Return the slope of log deviation over log width, from a width on."""
    wide = [each for each in runs if each["width"] >= smallest]
    return np.polyfit(np.log([each["width"] for each in wide]), np.log([each["found"][name] for each in wide]), 1)[0]


def middle(runs, width, kind, name):
    """Return the median of a number over the runs at a width."""
    return float(np.median([each[kind][name] for each in runs if each["width"] == width]))


def deviations(runs, bounds):
    """Return the deviation on the caps against the width."""
    rows = [(name, *(f"{middle(runs, m, 'found', name):.3g}" if m in shown(runs, name) else "-" for m in bounds))
            for name in CURVES]
    rows += [(f"bound on average: {name}", *(f"{bounds[m][name][0].total:.3g}" for m in bounds))
             for name in (HERMITE, BOUNDED)]
    columns = ("weights", *(f"m = {m}" for m in bounds))
    return con.evidence.Table("Largest deviation found on the caps, median", columns, tuple(rows))


def moves(runs, bounds):
    """Return root mean square and longest of the moves against the width."""
    rows = [(name, *(f"{middle(runs, m, 'root', name):.3g} / {middle(runs, m, 'largest', name):.3g}"
                     if m in shown(runs, name) else "-" for m in bounds)) for name in (HERMITE, BOUNDED, SHORTEST)]
    columns = ("weights", *(f"m = {m}" for m in bounds))
    longest = next(iter(bounds.values()))[BOUNDED][0].largest
    return con.evidence.Table("Moves of the units: root mean square / longest", columns, tuple(rows),
                              f"the longest move of bounded features is at most {longest:.4g}")


def shown(runs, name):
    """Return the widths at which weights of a kind were made."""
    return sorted({each["width"] for each in runs if name in each["found"]})


def search_table(needed):
    """Return the widths needed in each dimension."""
    rows = [(d, ", ".join(map(str, sorted(found)))) for d, found in needed.items()]
    return con.evidence.Table("Width needed by the shortest weights", ("dimension", "widths"), tuple(rows))


def draw(runs, bounds, needed):
    """Return the figure: deviations and moves against the width, width needed against the dimension."""
    with plt.rc_context({"font.size": 12, "legend.frameon": False}):
        figure, (left, center, right) = plt.subplots(1, 3, figsize=(17, 6), layout="constrained",
                                                     width_ratios=[1.3, 1, 0.85])
        draw_deviations(left, runs, bounds)
        draw_moves(center, runs, bounds)
        draw_needed(right, needed)
        for axes in (left, center, right):
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_deviations(axes, runs, bounds):
    """Draw deviations on the caps against the width, with bounds and the two rates."""
    widths = np.array(list(bounds), dtype=float)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for name, (color, marker) in CURVES.items():
        some = shown(runs, name)
        axes.plot(some, [middle(runs, m, "found", name) for m in some], marker + "-", color=color, label=name, ms=6)
        every = [(each["width"], each["found"][name]) for each in runs if name in each["found"]]
        axes.plot(*zip(*every, strict=True), marker, color=color, alpha=0.3, ms=4)
    for name in (HERMITE, BOUNDED):
        axes.plot(widths, [bounds[m][name][0].total for m in bounds], "--", color=CURVES[name][0], lw=1.5,
                  label=f"bound: {name.split(',')[0]}")
    for name, power, words in ((BOUNDED, -1 / 2, "m$^{-1/2}$"), (SMALL, -1 / 6, "m$^{-1/6}$")):
        some = shown(runs, name)
        line = 0.8 * middle(runs, some[0], "found", name) * (widths / some[0]) ** power
        axes.plot(widths, line, ":", color="0.4")
        axes.annotate(words, (widths[-1], line[-1]), (4, -5), textcoords="offset points", color="0.3")
    axes.axhline(ERROR, color="0.75", lw=1, zorder=0)
    axes.annotate("asked for", (widths[0], ERROR), (0, -14), textcoords="offset points", color="0.4", fontsize=11)
    axes.set(xlabel="width m", ylabel="largest |network - label| found on the caps")
    axes.set_ylim(ERROR / 2, 40 * bounds[min(bounds)][HERMITE][0].total)
    axes.legend(loc="upper right", fontsize=10, ncols=2)
    axes.set_title("explicit weights, and real networks", fontsize=13)


def draw_moves(axes, runs, bounds):
    """Draw how far units move: the root mean square, and the longest move."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for name in (HERMITE, BOUNDED, SHORTEST):
        color, marker = CURVES[name]
        some = shown(runs, name)
        axes.plot(some, [middle(runs, m, "largest", name) for m in some], marker + "-", color=color, ms=6,
                  label=f"{name.split(',')[0]}: longest")
        axes.plot(some, [middle(runs, m, "root", name) for m in some], marker + "--", color=color, ms=6, mfc="w",
                  label="... root mean square")
    limit = bounds[min(bounds)][BOUNDED][0].largest
    axes.axhline(limit, color=con.plotting.BLUE, lw=1, ls=":")
    axes.annotate("bound of the longest, bounded features", (min(bounds), limit), (0, 5), textcoords="offset points",
                  color=con.plotting.BLUE, fontsize=11)
    axes.set(xlabel="width m", ylabel="move of a unit, free of scale")
    axes.set_ylim(top=20 * max(limit, *(middle(runs, m, "largest", HERMITE) for m in bounds)))
    axes.legend(loc="upper right", fontsize=9, ncols=2)
    axes.set_title("how far units move", fontsize=13)


def draw_needed(axes, needed):
    """Draw the width that the shortest weights need against the dimension."""
    places, typical = np.array(list(needed), dtype=float), means(needed)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for d, found in needed.items():
        axes.plot([d] * len(found), found, "D", color=con.plotting.GREEN, alpha=0.35, ms=5)
    axes.plot(places, typical, "D-", color=con.plotting.GREEN, ms=7, label=f"mean; fitted slope {slope(needed):.2f}")
    axes.plot(places, typical[0] * places / places[0], ":", color="0.4", label="slope 1")
    axes.set(xlabel="dimension d", ylabel=f"width at which the deviation is at most {SEARCH_ERROR}")
    axes.legend(loc="upper left", fontsize=11)
    axes.set_title("width that shortest weights need", fontsize=13)


if __name__ == "__main__":
    print(con.report.text(main("out", **(FULL if "--full" in sys.argv[1:] else {}))))

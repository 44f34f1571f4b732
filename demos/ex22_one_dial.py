"""
One dial and a float horizon
============================

A memorizer of n data on a line can look them up: a staircase outputs a packed word, a comparison reads a threshold off
it, a fold opens it for the next. One dial, the number of thresholds in a word, leads from a network linear in the
number of label changes to one with fewer nonzeros than data. All of it is counted, proved on whole balls in integers,
and then run in floats, which lose the words almost at once. What the dial buys is paid in the length of numbers and in
cliffs so steep that no sampling tells how steep.

``python demos/ex22_one_dial.py --full`` adds 16,000 data.
"""

import math
import sys
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import exact

SEED, DIMENSION, GRID, DRAWS = 0, 8, 20, 1000
SIZES, LARGE = (1000, 4000), 16_000
PER_WORD = (1, 3, 5, 7, 9, 11, 15, 21, 31)
HORIZON, TRIED = (200, 1000), 9
CLIFF = 3
"""Thresholds in a word of the network whose ramp is looked at closely."""
ZOOMS, POINTS = (0, 6, 12), 300
FORMATS = ("float32", "float64")
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                                 con.plotting.VERMILION, con.plotting.PURPLE, con.plotting.BLACK)


def main(out=None, seed=SEED, full=False):
    """Build, count, prove, run in floats, draw; return the report, and save it into ``out`` if given."""
    dials = [dial(n, seed) for n in (*SIZES, LARGE)[:2 + full]]
    horizons = [horizon(n, seed) for n in HORIZON]
    cliff = steps_of(horizons[0])
    report = con.Report(
        title="One dial and a float horizon",
        checks=(*dial_checks(dials), *horizon_checks(horizons)),
        tables=(counted(dials), in_floats(horizons)),
        notes=(
            f"data: uniform in [0, 1]^{DIMENSION} on a grid of {GRID} bits, labels by fair coin; of {DRAWS} directions "
            "the one whose look-up is estimated smallest; radius half the largest possible on it",
            "wide look-ups; nonzeros by formula and by count; widest: bits of the longest number; bits: of all numbers",
            "Lipschitz constant: the slope at an explicit point of a ramp, a lower bound",
            "least for any s: 2 sqrt(35 (b + 1)(c + 1)) - 14 (b + 1) + 4 and the entries of the direction; b bits of a "
            "threshold, c changes of label",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(dials, horizons, cliff).savefig(folder / "ex22_one_dial.png", dpi=160)
        (folder / "ex22_one_dial.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def labeled(n, seed):
    """Return n data with random labels on a dyadic grid, and their projection."""
    rng = np.random.default_rng([seed, n])
    X, y = rng.integers(0, 2**GRID, (n, DIMENSION)) / 2**GRID, rng.integers(0, 2, n)
    return X, exact.project(X, y, draws=DRAWS, prefer="size", rng=seed)


def dial(n, seed):
    """Return the look-ups of n data by thresholds in a word, and the smallest one proved on all balls."""
    X, line = labeled(n, seed)
    radius = line.radius / 2
    found = {s: exact.look_up(line, radius, per_word=s) for s in PER_WORD}
    best = exact.look_up(line, radius)
    proof = exact.certify_on_balls(best.network, X, exact.wanted_outputs(line), radius=radius)
    return {"n": n, "line": line, "found": found, "sizes": {s: f.network.size for s, f in found.items()}, "best": best,
            "proof": proof, "envelope": envelope(line, best.bits),
            "steep": {s: log2(exact.steepest(f).lower) for s, f in found.items()}}


def envelope(line, bits):
    """Return what no look-up on this line with such thresholds falls below, whatever the dial; an offset may be 0."""
    entries = sum(w != 0 for w in line.direction)
    return entries + 2 * math.sqrt(35 * (bits + 1) * (line.changes + 1)) - 14 * (bits + 1) + 4


def log2(value):
    """Return the binary logarithm of a positive fraction, however long its terms."""
    return math.log2(value.numerator) - math.log2(value.denominator)


def horizon(n, seed):
    """Return how many data of n come out wrong by format and thresholds in a word, and how many balls in integers."""
    X, line = labeled(n, seed)
    radius, wanted = line.radius / 2, exact.wanted_outputs(line)
    floats = {name: exact.float_horizon(line, X, radius, dtype=name, most=TRIED) for name in FORMATS}
    networks = [exact.look_up(line, radius, per_word=s).network for s in floats["float64"].per_word]
    proofs = [exact.certify_on_balls(f, X, wanted, radius=radius) for f in networks]
    return {"n": n, "X": X, "line": line, "radius": radius, "floats": floats,
            "wrong": {**{name: found.wrong for name, found in floats.items()},
                      "integers": tuple(len(proof.wrong) for proof in proofs)},
            "verdicts": [proof.verdict.value for proof in proofs]}


def steps_of(row):
    """Return the output between two neighbors of different labels on a ramp between words, magnified in steps."""
    line, X = row["line"], row["X"]
    f = exact.look_up(line, row["radius"], per_word=CLIFF).network
    order, signs = line.order, line.signs
    changes = [(i, k) for i, k in zip(order, order[1:], strict=False) if signs[i] != signs[k]]
    # every (s + 1)-st change lies between two words; all ramps are equally wide, so the nearest neighbors show it best
    start, stop = min(changes[CLIFF::CLIFF + 1], key=lambda pair: line.positions[pair[1]] - line.positions[pair[0]])
    ends = [[Fraction(v) for v in X[row].tolist()] for row in (start, stop)]

    def output(share):
        point = [a + share * (b - a) for a, b in zip(*ends, strict=True)]
        return float(f.exact(point)[0])

    middle, windows = Fraction(1, 2), []
    for zoom in ZOOMS:
        half = Fraction(1, 2 << zoom)
        shares = [middle + half * Fraction(k, POINTS) for k in range(-POINTS, POINTS + 1)]
        values = [output(share) for share in shares]
        windows.append((float(2 * half), values))
        middle = shares[steep(values)]
    return windows


def steep(values):
    """Return the place nearest to the center of those where the value moves."""
    moving = [k for k in range(1, len(values) - 1) if values[k - 1] != values[k + 1]]
    return min(moving, key=lambda k: abs(k - len(values) // 2))


def dial_checks(dials):
    """Return whether counts are formulas, balls proved, and bounds kept."""
    judge, exactly = con.evidence.judge, con.evidence.exactly
    found = []
    for row in dials:
        n, sizes = row["n"], row["sizes"]
        apart = sum(f.nonzeros != sizes[s].nonzeros or f.depth != sizes[s].depth or f.width != sizes[s].width
                    for s, f in row["found"].items())
        least = row["best"].network.size
        found += [
            judge(f"n = {n}: networks whose count is not the formula, of {len(sizes)}", exactly(apart), "==", 0.0),
            judge(f"n = {n}: balls on which the smallest network is wrong", exactly(len(row["proof"].wrong)), "==", 0.0,
                  "proved from its weights"),
            judge(f"n = {n}: nonzeros of the smallest network", exactly(least.nonzeros), ">=", row["envelope"],
                  "least for any s"),
            judge(f"n = {n}: nonzeros per datum", exactly(Fraction(least.nonzeros, n)), "<=", 1.0, "fewer than data"),
        ]
    return found


def horizon_checks(horizons):
    """Return whether integers are right throughout and floats where they are proved; and that floats do fail."""
    judge, exactly = con.evidence.judge, con.evidence.exactly
    found = []
    for row in horizons:
        proved = [count for name in FORMATS for held, count in zip(row["floats"][name].exact, row["wrong"][name],
                                                                  strict=True) if held]
        found += [
            judge(f"n = {row['n']}: balls wrong in integers, every dial", exactly(sum(row["wrong"]["integers"])), "==",
                  0.0, "proved"),
            judge(f"n = {row['n']}: data wrong in floats where nothing is rounded ({len(proved)} networks)",
                  exactly(sum(proved)), "==", 0.0),
            judge(f"n = {row['n']}: data wrong in float64 with 5 thresholds in a word",
                  exactly(row["wrong"]["float64"][2]), ">=", 1.0, "words are longer than doubles"),
        ]
    return found


def counted(dials):
    """Return the table of look-ups by thresholds in a word."""
    lines = []
    for row in dials:
        for s, size in row["sizes"].items():
            lines.append((row["n"], row["line"].changes, row["found"][s].bits, s, size.nonzeros,
                          size.nonzeros / row["n"], row["envelope"], size.parameters, size.depth, size.width,
                          size.widest, size.bits, f"2^{row['steep'][s]:.0f}"))
    columns = ("n", "changes", "bits of a threshold", "in a word", "nonzeros", "per datum", "least for any s", "dense",
               "depth", "width", "widest", "bits", "Lipschitz >=")
    return con.evidence.Table("Look-ups by thresholds in a word", columns, tuple(lines))


def in_floats(horizons):
    """Return the table of wrong data by format."""
    lines = []
    for row in horizons:
        for k, s in enumerate(row["floats"]["float64"].per_word):
            held = [name for name in FORMATS if row["floats"][name].exact[k]]
            lines.append((row["n"], s, *(row["wrong"][name][k] for name in (*FORMATS, "integers")),
                          ", ".join(held) or "none"))
    columns = ("n", "in a word", "wrong, float32", "wrong, float64", "wrong, integers", "no rounding proved for")
    return con.evidence.Table("Data that come out wrong (integers: balls)", columns, tuple(lines))


def draw(dials, horizons, cliff):
    """Return the figure: sizes, lengths of numbers, wrong fractions, and one ramp magnified."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure = plt.figure(figsize=(14, 10), layout="constrained")
        axes = [figure.add_subplot(2, 2, k) for k in (1, 2, 3)]
        draw_sizes(dials, axes[0])
        draw_lengths(dials, axes[1])
        draw_horizon(horizons, axes[2])
        last = figure.add_subplot(2, 2, 4)
        draw_cliff(cliff, last)
        for panel in axes:
            panel.spines[["top", "right"]].set_visible(False)
    return figure


def on_dial(axes):
    """Give an axis the ticks of the dial."""
    axes.set_xscale("log")
    axes.set_xticks(PER_WORD, [str(s) for s in PER_WORD])
    axes.minorticks_off()
    axes.set_xlabel("s, thresholds in a word (log scale)")


def draw_sizes(dials, axes):
    """Draw nonzeros against the dial, with the number of data and the envelope."""
    for row, color in zip(dials, (BLUE, VERMILION, GREEN), strict=False):
        axes.plot(PER_WORD, [row["sizes"][s].nonzeros for s in PER_WORD], "o", color=color, ms=7)
        axes.plot(PER_WORD, [row["found"][s].nonzeros for s in PER_WORD], color=color, lw=1.8)
        axes.axhline(row["n"], color=color, lw=1.2, ls="--")
        axes.axhline(row["envelope"], color=color, lw=1.2, ls=":")
        axes.annotate(f"n = {row['n']:,}", (12.0, row["n"] * 1.02), color=color, va="bottom")
    axes.plot([], [], "o", color=BLACK, ms=7, label="nonzeros, counted")
    axes.plot([], [], color=BLACK, lw=1.8, label="formula")
    axes.plot([], [], color=BLACK, lw=1.2, ls="--", label="data")
    axes.plot([], [], color=BLACK, lw=1.2, ls=":", label="least for any s")
    on_dial(axes)
    top = max(size.nonzeros for row in dials for size in row["sizes"].values())
    axes.set(yscale="log", ylabel="nonzeros (log scale)", ylim=(700, 1.9 * top))
    ticks = [v for v in (1000, 2000, 5000, 10_000, 20_000, 50_000) if v < 1.9 * top]
    axes.set_yticks(ticks, [f"{v:,}" for v in ticks])
    axes.minorticks_off()
    axes.set_title("one dial: fewer numbers than data", fontsize=13.5)
    axes.legend(loc="upper center", fontsize=11, ncols=2)


def draw_lengths(dials, axes):
    """Draw the longest number and the Lipschitz constant, in bits, with what floats hold."""
    for row, color in zip(dials, (BLUE, VERMILION, GREEN), strict=False):
        axes.plot(PER_WORD, [row["sizes"][s].widest for s in PER_WORD], "o-", color=color, lw=2.2, ms=6,
                  label=f"longest number, n = {row['n']:,}")
        axes.plot(PER_WORD, [row["steep"][s] for s in PER_WORD], "^:", color=color, lw=1.4, ms=5,
                  label="log2 of Lipschitz, at least")
    for bits, name in ((24, "float32"), (53, "float64")):
        axes.axhline(bits, color=BLACK, lw=1.2, ls="--")
        axes.annotate(f"{name}: {bits} bits", (PER_WORD[-1], bits * 1.04), ha="right", va="bottom", fontsize=11)
    on_dial(axes)
    axes.set(yscale="log", ylabel="bits (log scale)", yticks=[16, 32, 64, 128, 256, 512, 1024],
             yticklabels=["16", "32", "64", "128", "256", "512", "1024"])
    axes.minorticks_off()
    axes.set_title("paid in the length of numbers, and in slope", fontsize=13.5)
    axes.legend(loc="upper left", fontsize=11)


def draw_horizon(horizons, axes):
    """Draw the wrong fraction against the dial for each format."""
    colors = {"float32": ORANGE, "float64": PURPLE, "integers": GREEN}
    for row, style, marker in zip(horizons, ("-", "--"), "os", strict=True):
        tried = row["floats"]["float64"].per_word
        for name, color in colors.items():
            axes.plot(tried, np.array(row["wrong"][name]) / row["n"], style, marker=marker, color=color, lw=2.0, ms=7,
                      label=f"{name}, n = {row['n']:,}", clip_on=False, zorder=3)
    axes.set(xticks=tried, xlabel="s, thresholds in a word", ylabel="fraction of the data wrong", ylim=(-0.02, 1.02))
    axes.set_title("the float horizon: one threshold a word", fontsize=13.5)
    axes.legend(loc="center right", fontsize=11, bbox_to_anchor=(1.0, 0.24))


def draw_cliff(cliff, axes):
    """Draw the output between two neighbors, magnified twice, one window under the other."""
    axes.axis("off")
    axes.set_title(f"a cliff between two data (s = {CLIFF}, n = {HORIZON[0]})", fontsize=13.5)
    low, high = (end(value for _, values in cliff for value in values) for end in (min, max))
    for k, (window, values) in enumerate(cliff):
        inner = axes.inset_axes((0.0, 0.70 - 0.335 * k, 1.0, 0.25))
        inner.plot(np.linspace(-0.5, 0.5, len(values)), values, color=BLUE, lw=1.2)
        inner.set(ylim=(low - 0.4, high + 0.4), xlim=(-0.5, 0.5), yticks=np.arange(low, high + 1, 2), xticks=[],
                  ylabel="output")
        text = f"the middle, magnified {1 / window:,.0f} times" if k else "the whole way from a datum to the next"
        inner.set_xlabel(text, fontsize=11, labelpad=3)
        inner.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))

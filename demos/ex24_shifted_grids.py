"""
Shifted grids: few numbers at a radius of their own
===================================================

A look-up on a line is robust at a radius that falls with the square of the number of data. A grid is not: it asks only
in which cell a point is, and a gate silences it where a ball would touch a threshold. One grid spoils some balls; of
d + 1 grids, each shifted by 1 / (d + 1) of a cell, some grid spares each of them. Thresholds chosen for the data do
with fewer, and at any radius below half the separation. The table of cells is folded as on a line, so that the network
grows more slowly than the data; beside it stand merged boxes, which are hard to beat while data are few.

``python demos/ex24_shifted_grids.py --full`` adds 4,000 and 10,000 data.
"""

import sys
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import constructive as con
from constructive import exact

SEED, DIMENSION, GRID = 0, 8, 20
SIZES, LARGE = (200, 500, 1000, 2000), (4000, 10_000)
RATIOS = ((9, 100), (1, 4), (1, 2))
PROVED = 200
"""Up to so many data every ball is proved from the weights; beyond, the rules of the groups are checked on all data."""
SHARES, PRICED = (1, 5, 10, 20, 40, 60, 80, 95), 500
"""Per cent of half the separation, and the data, for the price of the radius."""
FEW, MANY, PIXELS = (11, 4), (40, 10), 161
"""Data in the plane, and cells to a side of the lattice on which they are put."""
COLORS = (con.plotting.BLUE, con.plotting.VERMILION, con.plotting.GREEN)
ORANGE, PURPLE, BLACK = con.plotting.ORANGE, con.plotting.PURPLE, con.plotting.BLACK


def main(out=None, seed=SEED, full=False):
    """Build, count, prove, draw; return the report, and save it into ``out`` if given."""
    rows = [row for n in (*SIZES, *(LARGE if full else ())) for row in grown(n, seed)]
    prices = priced(seed)
    report = con.Report(
        title="Shifted grids",
        checks=tuple(check for row in rows for check in checks_of(row)),
        tables=(counted(rows), price_table(prices)),
        notes=(
            f"data: uniform in [0, 1]^{DIMENSION} on a grid of {GRID} bits, labels by fair coin; ratio: radius over "
            "half the l_inf separation",
            "both networks have bumps or cells for one class and the constant -1 elsewhere; nonzeros by formula and by "
            "count",
            f"up to {PROVED} data every ball of the grids is proved from the weights; beyond, the rules of the "
            "thresholds are checked on all data, in integers",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(rows, prices, seed).savefig(folder / "ex24_shifted_grids.png", dpi=160)
        (folder / "ex24_shifted_grids.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def labeled(n, seed):
    """Return n data with random labels on a dyadic grid, and half their separation."""
    rng = np.random.default_rng([seed, n])
    X, y = rng.integers(0, 2**GRID, (n, DIMENSION)) / 2**GRID, rng.choice([-1, 1], n)
    return X, y, Fraction(con.separation(X, y).distance) / 2


def grown(n, seed):
    """Return grids and merged boxes of n data at each ratio."""
    X, y, half = labeled(n, seed)
    found = []
    for ratio in (Fraction(*pair) for pair in RATIOS):
        grid = exact.grid_memorizer(X, y, radius=ratio * half)
        boxes = con.memorize(X, y, radius=float(ratio * half), recipe="one-sided")
        found.append({"n": n, "ratio": float(ratio), "grid": grid, "size": grid.network.size,
                      "boxes": boxes.size.nonzeros, "broken": len(grid.broken_rules()),
                      "proof": grid.certify() if n <= PROVED else None})
    return found


def priced(seed):
    """Return nonzeros by ratio: adaptive grids, merged boxes, uniform grids where they exist, one look-up on a line."""
    X, y, half = labeled(PRICED, seed)
    rows = []
    for share in SHARES:
        radius = half * Fraction(share, 100)
        uniform = None
        if share * (DIMENSION + 1) < 100:
            uniform = exact.grid_memorizer(X, y, radius=radius, shifts="uniform").nonzeros
        rows.append((share / 100, exact.grid_memorizer(X, y, radius=radius).nonzeros, uniform,
                     con.memorize(X, y, radius=float(radius), recipe="one-sided").size.nonzeros))
    line = exact.project(X, y, rng=seed)
    return {"rows": rows, "line": (float(line.radius / 2 / half), exact.look_up(line, line.radius / 2).nonzeros)}


def checks_of(row):
    """Return whether the count is the formula, the rules hold, and the balls are right."""
    judge, exactly = con.evidence.judge, con.evidence.exactly
    name, grid, size = f"n = {row['n']:,}, ratio {row['ratio']:g}", row["grid"], row["size"]
    found = [
        judge(f"{name}: nonzeros counted", exactly(size.nonzeros), "==", grid.nonzeros, "formula"),
        judge(f"{name}: rules of the thresholds that fail on some datum", exactly(row["broken"]), "==", 0.0),
    ]
    if row["proof"] is not None:
        undecided = len(row["proof"].wrong) + len(row["proof"].open)
        found.append(judge(f"{name}: balls not proved", exactly(undecided), "==", 0.0, "from the weights alone"))
    return found


def counted(rows):
    """Return the table of sizes."""
    columns = ("n", "ratio", "grids", "thresholds", "grid nonzeros", "per datum", "depth", "width", "widest number",
               "merged boxes, nonzeros")
    return con.evidence.Table("Grids beside merged boxes", columns, tuple(
        (row["n"], row["ratio"], len(row["grid"].groups), row["grid"].thresholds, row["size"].nonzeros,
         row["size"].nonzeros / row["n"], row["size"].depth, row["size"].width, f"{row['size'].widest} bits",
         row["boxes"]) for row in rows))


def price_table(prices):
    """Return the table of sizes by radius."""
    rows = [(ratio, *(("-" if v is None else v) for v in sizes)) for ratio, *sizes in prices["rows"]]
    ratio, size = prices["line"]
    return con.evidence.Table(f"Nonzeros by radius, n = {PRICED}",
                              ("ratio", "adaptive grids", "uniform grids", "merged boxes"), tuple(rows),
                              f"the folded look-up on a line has {size} nonzeros, at a ratio of {ratio:.2g}")


def draw(rows, prices, seed):
    """Return the figure: uniform and adaptive grids in the plane, growth, price of the radius."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(2, 2, figsize=(13, 12), layout="constrained")
        draw_uniform(axes[0, 0], seed)
        draw_adaptive(axes[0, 1], seed)
        draw_growth(rows, axes[1, 0])
        draw_price(prices, axes[1, 1])
    return figure


def plane(seed, count, side):
    """Return data in the plane, one in each of some cells of a coarse lattice, and half their separation."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(side**2, count, replace=False)
    corners = np.stack([cells % side, cells // side], axis=1)
    X = (16 * corners + rng.integers(3, 14, corners.shape)) / (16 * side)
    y = rng.choice([-1, 1], count)
    return X, y, Fraction(con.separation(X, y).distance) / 2


def boxes_on(axes, X, radius, colors):
    """Draw the balls."""
    for x, color in zip(X, colors, strict=True):
        axes.add_patch(Rectangle(x - radius, 2 * radius, 2 * radius, facecolor=color, edgecolor=BLACK, lw=0.6))


def draw_uniform(axes, seed):
    """Draw three shifted grids and the balls in the color of the grid in which they are looked up."""
    X, y, half = plane(seed, *FEW)
    radius = half * Fraction(3, 10)
    grid = exact.grid_memorizer(X, y, radius=radius, shifts="uniform", one_sided=False)
    scale, colors = 2.0**grid.lattice.power, [BLACK] * len(X)
    for group, color in zip(grid.groups, COLORS, strict=False):
        for values, line in zip(group.thresholds, (axes.axvline, axes.axhline), strict=True):
            for t in values:
                line(t / scale, color=color, lw=1.1, alpha=0.75)
        for row in group.entered:
            colors[row] = color
    boxes_on(axes, X, float(radius), colors)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axes.set_title("each ball in the color of a shifted grid that spares it", fontsize=13.5)


def draw_adaptive(axes, seed):
    """Draw the output with thresholds chosen for the data, at a larger radius."""
    X, y, half = plane(seed, *MANY)
    radius = half * Fraction(8, 10)
    grid = exact.grid_memorizer(X, y, radius=radius)
    ticks = [Fraction(k, PIXELS - 1) for k in range(PIXELS)]
    values = grid.network([[[a, b] for a in ticks] for b in ticks])[..., 0].astype(float)
    axes.imshow(values, extent=(0, 1, 0, 1), origin="lower", cmap="RdBu_r", vmin=-2.2, vmax=2.2,
                interpolation="nearest")
    boxes_on(axes, X, float(radius), np.where(y > 0, COLORS[1], COLORS[0]))
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axes.set_title(f"chosen thresholds, {grid.thresholds} of them: output -1 (blue) to 1 (red)", fontsize=13.5)


def draw_growth(rows, axes):
    """Draw nonzeros against the number of data."""
    for (top, bottom), color in zip(RATIOS, COLORS, strict=True):
        mine = [row for row in rows if row["ratio"] == top / bottom]
        sizes = [row["n"] for row in mine]
        axes.plot(sizes, [row["size"].nonzeros for row in mine], "o-", color=color, lw=2.2, ms=7,
                  label=f"grids, ratio {top / bottom:g}")
        axes.plot(sizes, [row["boxes"] for row in mine], "s--", color=color, lw=1.5, ms=5, label="merged boxes")
    axes.plot(sizes, sizes, ":", color=BLACK, lw=1.5, label="as many as data")
    axes.set(xscale="log", yscale="log", xlabel="data (log scale)", ylabel="nonzeros (log scale)")
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
    counts_on(axes)
    axes.set_title(f"growth, d = {DIMENSION}, random labels", fontsize=13.5)
    axes.legend(fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


def counts_on(axes):
    """Give a logarithmic axis of counts ticks that can be read."""
    low, high = axes.get_ylim()
    ticks = [v for v in (250, 500, 1000, 2000, 4000, 8000, 16_000) if low <= v <= high]
    axes.set_yticks(ticks, [f"{v:,}" for v in ticks])
    axes.minorticks_off()


def draw_price(prices, axes):
    """Draw nonzeros against the ratio."""
    ratios, adaptive, uniform, boxes = zip(*prices["rows"], strict=True)
    axes.plot(ratios, adaptive, "o-", color=COLORS[0], lw=2.2, ms=7, label="adaptive grids")
    held = [(a, b) for a, b in zip(ratios, uniform, strict=True) if b is not None]
    axes.plot(*zip(*held, strict=True), "^-", color=COLORS[2], lw=1.8, ms=7, label="uniform grids")
    axes.plot(ratios, boxes, "s--", color=ORANGE, lw=1.8, ms=6, label="merged boxes")
    axes.plot(*prices["line"], "D", color=PURPLE, ms=9, label="look-up on a line")
    axes.axvline(1 / (DIMENSION + 1), color=COLORS[2], lw=1.2, ls=":", label="1 / (d + 1)")
    axes.set(xscale="log", yscale="log", xlabel="radius over half the separation (log scale)",
             ylabel="nonzeros (log scale)")
    counts_on(axes)
    axes.set_title(f"the price of a radius, n = {PRICED}", fontsize=13.5)
    axes.legend(fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))

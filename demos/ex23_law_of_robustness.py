"""
Few numbers or a gentle slope
=============================

Every memorizer of the library on the same data, sizes by formula and by count, right on whole balls by proof, and its
Lipschitz constant, exact or between two bounds. The law of robustness says that few parameters must be steep; the
table shows by how much: 70 times fewer numbers than the nearest neighbor, which is as gentle as anything can be, cost
a slope of 2^27. Then what robustness costs in nonzeros, as the radius grows and as data are added, where grids are
sublinear and robust; and the same on handwritten digits, with held-out accuracy. Needs scikit-learn, for the images.

``python demos/ex23_law_of_robustness.py --full`` adds 8,000 data, and grids for the digits.
"""

import sys
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import constructive as con
from constructive import certificates, exact, students, zoos

SEED, DIMENSION, GRID = 0, 8, 20
SMALL, MEDIUM = 200, 1000
SIZES, LARGE = (250, 500, 1000, 2000, 4000), 8000
RATIO, RATIOS = 0.02, (0.001, 0.02, 0.089, 0.2, 0.35, 0.5, 0.75, 0.9)
"""Radius over half the separation, the largest possible: for growing data, and to compare radii."""
TRAIN, DRAWS = 1400, 300
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK = (
    con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN, con.plotting.VERMILION, con.plotting.PURPLE,
    con.plotting.SKY, con.plotting.BLACK)
FACETS = con.Recipe("facets", gate="cap", faces="needed", one_sided=True)
MERGED = con.Recipe("merged", gate="cap", faces="needed", merge=True, one_sided=True)
BOXES = con.Recipe("boxes", gate="cap", one_sided=True)


def main(out=None, seed=SEED, full=False):
    """Build, prove, measure, draw; return the report, and save it into ``out`` if given."""
    table = zoos.zoo(*labeled(SMALL, seed), rng=seed)
    growth = [grown(n, seed) for n in (*SIZES, LARGE)[:len(SIZES) + full]]
    price = priced(seed)
    digits = on_digits(seed, full)
    found = table.report()
    report = con.Report(
        title="Few numbers or a gentle slope",
        checks=(*found.checks, *checks(growth, price, digits)),
        tables=(*found.tables, growing(growth), prices(price), held_out(digits)),
        notes=(
            f"data: uniform in [0, 1]^{DIMENSION} on a grid of {GRID} bits, labels by fair coin, seed {seed}; ratio: "
            "radius over half the separation in l_inf",
            "one-sided members look up the upper class alone and say -1 elsewhere; look-ups on a line have a radius of "
            "their own, far smaller, half the largest on that line",
            "grids: the rules that the network relies on, checked in integers on the data",
            f"digits: parity, {TRAIN} images in 64 dimensions, ratio 0.5 where the member reaches it; held-out: the "
            "other images as they are, no teacher",
            *found.notes,
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(table, growth, price, digits).savefig(folder / "ex23_law_of_robustness.png", dpi=160)
        (folder / "ex23_law_of_robustness.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def labeled(n, seed):
    """Return n data on a dyadic grid with random labels."""
    rng = np.random.default_rng([seed, n])
    return rng.integers(0, 2**GRID, (n, DIMENSION)) / 2**GRID, rng.integers(0, 2, n)


def grown(n, seed):
    """Return the sizes of memorizers of n data: grids, bumps and look-ups, and how many rules of the grids fail."""
    X, y = labeled(n, seed)
    radius = RATIO * con.separation(X, y).distance / 2
    grids = exact.grid_memorizer(X, y, radius=radius)
    line = exact.project(X, y, draws=DRAWS, prefer="size", rng=seed)
    return {
        "n": n, "broken": len(grids.broken_rules()), "groups": len(grids.groups), "thresholds": grids.thresholds,
        "count": grids.network.size.nonzeros, "widest": grids.network.size.widest,
        "grids": grids.nonzeros,
        "merged boxes": con.memorize(X, y, radius=radius, recipe=MERGED, rng=seed).size.nonzeros,
        "facets": con.memorize(X, y, radius=radius, recipe=FACETS).size.nonzeros,
        "look-up": exact.look_up(line, line.radius / 2).nonzeros,
        "line ratio": float(line.radius / 2) / radius * RATIO,
    }


def priced(seed):
    """Return nonzeros by ratio of the members that reach it, and the two ends of those on a line."""
    X, y = labeled(MEDIUM, seed)
    half = con.separation(X, y).distance / 2
    rows = {"grids": [], "merged boxes": [], "facets": [], "boxes": []}
    broken = 0
    for ratio in RATIOS:
        radius = ratio * half
        grids = exact.grid_memorizer(X, y, radius=radius)
        broken += len(grids.broken_rules())
        rows["grids"].append(grids.nonzeros)
        for name, recipe in (("merged boxes", MERGED), ("facets", FACETS), ("boxes", BOXES)):
            rows[name].append(con.memorize(X, y, radius=radius, recipe=recipe, rng=seed).size.nonzeros)
    # its size does not depend on the radius
    rows["nearest neighbor"] = [students.nearest_network(X, y, radius=half / 2).shape.nonzeros] * len(RATIOS)
    line = exact.project(X, y, draws=1000, rng=seed)
    shares = [Fraction(0), Fraction(1, 2), Fraction(9, 10), Fraction(99, 100), Fraction(999, 1000)]
    lines = {"look-up": [exact.look_up(line, share * line.radius).nonzeros for share in shares],
             "plateaus": [exact.plateaus(line, share * line.radius).nonzeros for share in shares]}
    return {"rows": rows, "broken": broken, "lines": lines, "line ratio": float(line.radius) / half,
            "shares": [float(share) for share in shares]}


def on_digits(seed, full):
    """Return members on the parity of digits: name, nonzeros, radius, ratio, held-out accuracy, proof."""
    X, digits = load_digits(return_X_y=True)
    X, y = X / 16, digits % 2
    rows, held = train_test_split(np.arange(len(X)), train_size=TRAIN, random_state=seed, stratify=digits)
    X, y, fresh, truth = X[rows], y[rows], X[held], y[held]
    half = con.separation(X, y).distance / 2
    found = []
    for name, prefer in (("look-up, random line", "radius"), ("look-up, discriminant", "discriminant")):
        line = exact.project(X, y, draws=DRAWS, prefer=prefer, rng=seed)
        f = exact.look_up(line, line.radius / 2)
        proof = exact.certify_on_balls(f.network, X, exact.wanted_outputs(line), radius=f.radius)
        found.append((name, f.nonzeros, float(f.radius), (f.predict(fresh) == truth).mean(), proof.verdict.value))
    radius = half / 2
    for name, recipe in (("merged boxes", MERGED), ("facets", FACETS), ("boxes", BOXES)):
        student = con.memorize(X, y, radius=radius, recipe=recipe, rng=seed)
        found.append((name, student.size.nonzeros, radius, (student.predict(fresh) == truth).mean(),
                      student.certify().verdict.value))
    if full:
        f = exact.grid_memorizer(X, y, radius=radius)
        found.append(("grids", f.nonzeros, radius, (f.predict(fresh) == truth).mean(),
                      "refuted" if f.broken_rules() else "by the rules of the grids"))
    member = students.nearest_network(X, y, radius=radius)
    rule = certificates.distances.read_nearest(member.network)
    right = rule.right(X, 2 * y - 1, radius).all()
    found.append(("nearest neighbor", member.shape.nonzeros, radius, (member.predict(fresh) == truth).mean(),
                  "confirmed" if right else "refuted"))
    return [(name, nonzeros, r, r / half, float(right), proof) for name, nonzeros, r, right, proof in found]


def checks(growth, price, digits):
    """Return whether grids obey their rules, how they grow, and whether every member of the digits is proved."""
    judge, exactly = con.evidence.judge, con.evidence.exactly
    first, last = growth[0], growth[-1]
    apart = sum(row["count"] != row["grids"] for row in growth)
    slope = {name: float(np.log(last[name] / first[name]) / np.log(last["n"] / first["n"]))
             for name in ("grids", "merged boxes")}
    return (
        judge("grids: rules broken on any data", exactly(sum(row["broken"] for row in growth) + price["broken"]), "==",
              0.0),
        judge("grids: networks whose count is not the formula", exactly(apart), "==", 0.0),
        judge(f"grids: nonzeros per datum, n = {last['n']}", exactly(Fraction(last["grids"], last["n"])), "<=", 1.0,
              "fewer than data, robust"),
        judge("grids: growth exponent of nonzeros in n", exactly(slope["grids"]), "<=", 0.8, "sublinear"),
        judge("merged boxes: growth exponent of nonzeros in n", exactly(slope["merged boxes"]), ">=", 0.8),
        judge("digits: members not proved on all balls, grids by their rules", exactly(sum(
            row[-1] not in {"confirmed", "by the rules of the grids"} for row in digits)), "==", 0.0),
    )


def growing(growth):
    """Return the table of sizes by number of data."""
    lines = [(row["n"], row["grids"], row["grids"] / row["n"], row["groups"], row["thresholds"], row["widest"],
              row["merged boxes"], row["facets"], row["look-up"], row["line ratio"]) for row in growth]
    columns = ("n", "grids", "per datum", "groups", "thresholds", "widest", "merged boxes", "facets", "look-up",
               "ratio of the look-up")
    return con.evidence.Table(f"Nonzeros by number of data, ratio {RATIO}, one-sided", columns, tuple(lines))


def prices(price):
    """Return the table of sizes by ratio."""
    names = tuple(price["rows"])
    lines = [(ratio, *(price["rows"][name][k] for name in names)) for k, ratio in enumerate(RATIOS)]
    return con.evidence.Table(f"Nonzeros by ratio, n = {MEDIUM}, one-sided but for the nearest neighbor",
                              ("ratio", *names), tuple(lines))


def held_out(digits):
    """Return the table of digits."""
    lines = [(name, nonzeros, nonzeros / TRAIN, radius, ratio, right, proof)
             for name, nonzeros, radius, ratio, right, proof in digits]
    return con.evidence.Table("Digits, parity", ("member", "nonzeros", "per datum", "radius", "ratio",
                                                 "held-out accuracy", "proof"), tuple(lines))


def draw(table, growth, price, digits):
    """Return the figure: the law, growth in n, price of the radius, digits."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(2, 2, figsize=(14, 10.5), layout="constrained")
        draw_law(table, axes[0, 0])
        draw_growth(growth, axes[0, 1])
        draw_price(price, axes[1, 0])
        draw_digits(digits, axes[1, 1])
        for panel in axes.flat:
            panel.spines[["top", "right"]].set_visible(False)
    return figure


STYLES = (("look-up", VERMILION, "v", "look-ups"), ("bit extraction", VERMILION, "X", "bit extraction"),
          ("plateaus", ORANGE, "s", "plateaus, interpolant"), ("shallow", ORANGE, "s", ""),
          ("grids", PURPLE, "P", "grids"), ("merged", GREEN, "D", "merged boxes"), ("facets", SKY, "D", "facets"),
          ("sequential", BLUE, "o", "boxes, sequential too"), ("boxes", BLUE, "o", ""),
          ("nearest", BLACK, "*", "nearest neighbor"))


def draw_law(table, axes):
    """Draw the Lipschitz constant, or its two bounds, against nonzeros; below the least there can be, nothing."""
    told = set()
    for entry in table:
        if entry.norm != float("inf") or entry.slope is None:
            continue
        _, color, marker, words = next(style for style in STYLES if style[0] in entry.name)
        low, high = Fraction(entry.slope.lower), Fraction(entry.slope.upper)
        known = high <= 1000 * low  # otherwise the bounds say too little to draw both
        if known:
            axes.plot([entry.nonzeros] * 2, [float(low), float(high)], color=color, lw=2.0, alpha=0.7)
        else:
            axes.annotate("", (entry.nonzeros, float(low) * 3000), (entry.nonzeros, float(low)), color=color,
                          arrowprops={"arrowstyle": "->", "color": color, "lw": 1.6})
        axes.plot(entry.nonzeros, float(low), marker, color=color, ms=15 if marker == "*" else 9, ls="none",
                  mfc=color if known else "white", mec="white" if known else color, mew=0.6 if known else 1.6)
        if words and words not in told:
            axes.plot([], [], marker, color=color, ms=13 if marker == "*" else 8, ls="none", label=words)
            told.add(words)
    p = np.array([150.0, 30_000.0])
    least = float(zoos.least_slope(table.data.apart, table.data.radius))
    axes.fill_between(p, least, 1e-4, color="0.88", lw=0, zorder=0)
    axes.annotate("gray: nobody who is ±1 on balls of ratio 0.5", (160, 6e-3), fontsize=11)
    axes.plot(p, np.sqrt(SMALL * DIMENSION / p), color=BLACK, lw=1.4, ls="--")
    axes.annotate(r"$\sqrt{n d / p}$, without its constant", (29_000, 0.04), ha="right", fontsize=11)
    axes.annotate("arrows: no useful bound above", (1150, 3e7), fontsize=11)
    axes.set(xscale="log", yscale="log", xlim=p, ylim=(1e-3, 1e20), xlabel="p, nonzeros (log scale)",
             ylabel=r"Lipschitz constant in $\ell_\infty$ (log scale)", yticks=[10.0**k for k in range(0, 21, 4)])
    axes.set_title(f"few numbers or a gentle slope (n = {SMALL}, random labels)", fontsize=13.5)
    axes.legend(loc="upper right", fontsize=10.5, ncols=2, columnspacing=1.0)


def draw_growth(growth, axes):
    """Draw nonzeros against the number of data."""
    n = [row["n"] for row in growth]
    for name, color, marker, words in (("facets", SKY, "D", "facets"), ("merged boxes", GREEN, "D", "merged boxes"),
                                       ("grids", PURPLE, "P", "grids"),
                                       ("look-up", VERMILION, "v", "look-up on a line")):
        style = "--" if name == "look-up" else "-"
        axes.plot(n, [row[name] for row in growth], marker=marker, ls=style, color=color, lw=2.2, ms=7, label=words)
    axes.plot(n, n, color=BLACK, lw=1.2, ls=":", label="one number per datum")
    last = growth[-1]
    axes.annotate(f"ratio {last['line ratio']:.0e}", (last["n"], last["look-up"]), (4, -26), color=VERMILION,
                  textcoords="offset points", ha="right", va="top", fontsize=11)
    axes.set(xscale="log", yscale="log", xlabel="n, data (log scale)", ylabel="nonzeros (log scale)")
    axes.set_xticks(n, [f"{each:,}" for each in n])
    axes.minorticks_off()
    axes.set_title(f"sublinear and robust: ratio {RATIO}, {DIMENSION} inputs", fontsize=13.5)
    axes.legend(loc="upper left", fontsize=11)


def draw_price(price, axes):
    """Draw nonzeros against the ratio."""
    for name, color, marker in (("nearest neighbor", BLACK, "*"), ("boxes", BLUE, "o"), ("facets", SKY, "D"),
                                ("grids", PURPLE, "P"), ("merged boxes", GREEN, "D")):
        axes.plot(RATIOS, price["rows"][name], marker=marker, color=color, lw=2.0, ms=7, label=name)
    ratios = np.array(price["shares"]) * price["line ratio"]
    for name, color, marker in (("plateaus", ORANGE, "s"), ("look-up", VERMILION, "v")):
        axes.plot(ratios[1:], price["lines"][name][1:], marker=marker, color=color, lw=2.0, ms=7, label=name)
    axes.axvline(price["line ratio"], color=BLACK, lw=1.2, ls=":")
    axes.annotate("largest on this line", (price["line ratio"] * 1.15, 160_000), va="top", fontsize=11)
    axes.set(xscale="log", yscale="log", ylim=(600, 200_000), xlabel="radius over half the separation (log scale)",
             ylabel="nonzeros (log scale)")
    axes.set_title(f"the price of a radius (n = {MEDIUM:,}, random labels)", fontsize=13.5)
    axes.legend(loc="center left", fontsize=11, bbox_to_anchor=(0.14, 0.6))


def draw_digits(digits, axes):
    """Draw held-out accuracy against nonzeros; hollow markers are fragile."""
    colors = {"look-up": VERMILION, "merged": GREEN, "facets": SKY, "boxes": BLUE, "grids": PURPLE, "nearest": BLACK}
    for name, nonzeros, _, ratio, right, _ in digits:
        color = next(color for key, color in colors.items() if key in name)
        robust = ratio > 0.1
        axes.plot(nonzeros, right, "o", color=color, ms=12, mfc=color if robust else "white", mew=2)
        left = nonzeros < 1e5
        shifts = {"merged boxes": 10, "look-up, discriminant": -12, "boxes": -14, "look-up, random line": 12}
        axes.annotate(f"{name}\nratio {ratio:.2g}, {nonzeros:,} nonzeros", (nonzeros, right),
                      (11 if left else -11, shifts.get(name, 0)), textcoords="offset points",
                      ha="left" if left else "right", va="center", fontsize=11, color=color)
    axes.axvline(TRAIN, color="0.6", lw=1.2, ls=":", zorder=0)
    axes.annotate("one number per image", (TRAIN * 1.1, 0.7), fontsize=11, color="0.35")
    axes.set(xscale="log", xlim=(200, 3e6), ylim=(0.42, 1.03), xlabel="nonzeros (log scale)",
             ylabel="held-out accuracy")
    axes.set_title(f"parity of {TRAIN:,} digits, all fitted (hollow: fragile)", fontsize=13.5)


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))

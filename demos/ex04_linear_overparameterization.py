"""
The price of overfitting is a constant for each datum
=====================================================

How many parameters does a network need that fits every noisy label on a whole ball and still follows a smooth target?
The *teacher*, least squares on cells, needs a vanishing share of the sample size; the *student* on top of it a constant
for each datum, 6 d + 2 for classes and 6 d + 3 for real labels. The ledger counts both in the weights, for orders 1 to
4 in dimensions 1, 2 and 3, and certifies at every sample size that no label is missed anywhere on its ball.
"""

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import experiments

SEED = 20240120
SIZES, LARGER = (100, 316, 1_000, 3_162, 10_000), (100_000,)
ORDERS, DIMENSIONS = (1, 2, 3, 4), (1, 2, 3)
COLORS = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN, con.plotting.VERMILION)


def main(out=None, seed=SEED):
    """Count and certify every student of the ledger; return the report, and save it with its picture into ``out``."""
    ledgers = {
        "classes": [experiments.ledger(SIZES, ORDERS, DIMENSIONS, rng=seed),
                    experiments.ledger(LARGER, [2], DIMENSIONS, rng=seed)],
        "real labels": [experiments.ledger(SIZES, [2], DIMENSIONS, task="regression", rng=seed)],
    }
    rows = {name: [dict(zip(table.columns, row, strict=True)) for report in reports for table in report.tables
                   for row in table.rows] for name, reports in ledgers.items()}
    checks = [replace(check, claim=f"{name}, n up to {max(row[2] for row in report.tables[0].rows):,}: {check.claim}")
              for name, reports in ledgers.items() for report in reports for check in report.checks]
    report = con.Report(
        title="The price of overfitting is a constant for each datum",
        checks=tuple(checks),
        tables=tuple(replace(report.tables[0], title=f"{name}: nonzeros as the sample grows")
                     for name, reports in ledgers.items() for report in reports),
        notes=(
            "points uniform in the unit cube; classes: the sign of a smooth function, one label in ten flipped; real "
            "labels: its values and noise of standard deviation 0.1; all of them fitted, the wrong ones too",
            "with cells ~ n^(1/(2r+d)) the teacher has a constant times n^(d/(2r+d)) nonzeros; the promise, within "
            "10 % of the constant, begins at the n of the table and asks for order >= d/2",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(rows).savefig(folder / "ex04_linear_overparameterization.png", dpi=160)
        (folder / "ex04_linear_overparameterization.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def draw(rows):
    """Return the figure: nonzeros for each datum above, the excess over the constant below, one column a dimension."""
    with plt.rc_context({"font.size": 12, "legend.frameon": False, "legend.fontsize": 11.5, "axes.spines.top": False,
                         "axes.spines.right": False}):
        figure, axes = plt.subplots(2, 3, figsize=(13.0, 9.0), layout="constrained", sharex=True, sharey="row")
        for (above, below), d in zip(axes.T, DIMENSIONS, strict=True):
            above.set_title(f"d = {d}", fontsize=15)
            for order, color in zip(ORDERS, COLORS, strict=True):
                mine = [row for row in rows["classes"] if (row["d"], row["order"]) == (d, order)]
                curves(mine, above, below, color, f"order {order}")
            real = [row for row in rows["real labels"] if row["d"] == d]
            above.plot([row["n"] for row in real], [row["student / n"] for row in real], "s", color=con.plotting.BLACK,
                       mfc="none", ms=8, label="order 2, real labels")
            below.plot([row["n"] for row in real], [row["ratio"] - 1 for row in real], "s", color=con.plotting.BLACK,
                       mfc="none", ms=8)
            above.axhline(6 * d + 2, color=con.plotting.BLACK, ls="--", lw=1.6)
            above.axhline(6 * d + 3, color=con.plotting.BLACK, ls=":", lw=1.6)
            above.annotate(f"6 d + 2 = {6 * d + 2}, dotted 6 d + 3", (LARGER[-1], 6 * d + 2), (0, -6),
                           textcoords="offset points", va="top", ha="right")
            below.axhline(0.1, color=con.plotting.BLACK, ls="--", lw=1.6)
            below.annotate("10 %", (LARGER[-1], 0.1), (0, 5), textcoords="offset points", ha="right")
            for panel in (above, below):
                panel.set(xscale="log", yscale="log")
            below.set_xlabel("n (data)")
        axes[0, 0].set_ylim(6.5, 60)
        axes[0, 0].set_yticks([8, 14, 20, 30, 50], ["8", "14", "20", "30", "50"])
        axes[0, 0].set_yticks([], minor=True)
        axes[0, 0].set_ylabel("nonzeros / n")
        axes[1, 0].set_ylabel("nonzeros / (constant n) - 1")
        axes[0, 2].legend(loc="upper right")
        axes[1, 2].plot([], [], "o", color=con.plotting.BLACK, mfc="none", mew=1.8, ms=14,
                        label="10 % promised from here")
        axes[1, 2].legend(loc="upper right")
    return figure


def curves(rows, above, below, color, label):
    """Draw one order: the student above, and its excess below with a ring where the promise begins."""
    rows = sorted(rows, key=lambda row: row["n"])
    n = np.array([row["n"] for row in rows])
    above.plot(n, [row["student / n"] for row in rows], "o-", color=color, lw=2.0, ms=5, label=label)
    excess = np.array([row["ratio"] for row in rows]) - 1
    below.plot(n, excess, "o-", color=color, lw=2.0, ms=5)
    start = rows[0]["promised from"]
    if start and n[0] <= start <= n[-1]:
        near = np.exp(np.interp(np.log(start), np.log(n), np.log(excess)))
        below.plot(start, near, "o", color=color, mfc="none", mew=1.8, ms=14)


if __name__ == "__main__":
    print(con.report.text(main("out")))

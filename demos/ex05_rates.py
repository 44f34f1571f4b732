"""
Interpolating noise at the best rate
====================================

How fast does the mean squared error fall with the sample size? A least squares *teacher* on cells has the best possible
rate, -2r / (2r + d) for a target of r derivatives in d dimensions; its *student* meets every noisy label on a ball and
has the same rate; what memorizing adds is bounded by a proof, and measured. Nearest neighbors and two kernel methods of
scikit-learn stand beside them on the same draws, measured and not judged; without scikit-learn those two are left out.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

import constructive as con
from constructive import experiments

SEED, DRAWS, KERNEL_LIMIT = 20240121, 5, 2_500
MARKS = {"teacher": (con.plotting.ORANGE, "o"), "student": (con.plotting.BLUE, "s"),
         "nearest neighbors": (con.plotting.GREEN, "^"), "kernel ridge": (con.plotting.PURPLE, "v"),
         "Gaussian process": (con.plotting.VERMILION, "D")}


def main(out=None, seed=SEED):
    """Measure the errors of all models; return the report, and save it with its picture into ``out`` if given."""
    cases = [experiments.rate_case(1, 1), experiments.rate_case(2, 1, cells=(3, 4, 5, 6)),
             experiments.rate_case(3, 1, cells=(3, 4, 5)), experiments.rate_case(2, 2, cells=(3, 4, 5), scale=1.0)]
    found = experiments.rates(cases, seeds=DRAWS, kernel_limit=KERNEL_LIMIT, widest=1.0, rng=seed)
    tables = {table.title: table for table in found.tables if table.title != "Residuals"}
    report = con.Report(
        title="Interpolating noise at the best rate",
        checks=found.checks,
        tables=tuple(tables.values()),
        notes=(
            f"{DRAWS} draws for each of a few sizes, n = c K^(2r + d) with K cells in each direction, where bias and "
            "variance fall alike; targets are polynomials whose error on every cell is the same; a small grid, wide "
            "intervals: the library's `experiments.rates` has a larger one by default",
            "these targets are smoother than the rate asks for, and kernel methods make use of it; the rate is what is "
            "promised for every target with r derivatives",
            *found.notes,
        ),
        source=found.source,
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(cases, tables).savefig(folder / "ex05_rates.png", dpi=160)
        (folder / "ex05_rates.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def named(table):
    """Return the rows of a table as dictionaries."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def draw(cases, tables):
    """Return the figure: squared error against n, a panel for each case, with the stated line."""
    errors, slopes = named(tables["Squared errors, means over the draws"]), named(tables["Slopes"])
    with plt.rc_context({"font.size": 12, "legend.frameon": False, "legend.fontsize": 11.5, "axes.spines.top": False,
                         "axes.spines.right": False}):
        figure, axes = plt.subplots(2, 2, figsize=(12.0, 9.6), layout="constrained")
        for panel, case in zip(axes.ravel(), cases, strict=True):
            here = [row for row in errors if (row["order"], row["d"]) == (case.order, case.dimension)]
            lines = {row["model"]: row for row in slopes if (row["order"], row["d"]) == (case.order, case.dimension)}
            draw_case(panel, case, here, lines)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def draw_case(panel, case, rows, lines):
    """Draw the means of one case, the stated line through bias plus variance, and the slopes with their intervals."""
    n = np.array([row["n"] for row in rows], dtype=float)
    stated = np.array([row["bias"] + row["variance"] for row in rows])
    panel.plot(n, stated, color=con.plotting.BLACK, lw=1.8, ls="--", label="stated: bias + variance", zorder=1)
    for model, (color, marker) in MARKS.items():
        values = np.array([np.nan if row.get(model) is None else row[model] for row in rows])
        if np.isnan(values).all():
            continue
        size = 11 if model == "teacher" else 6
        panel.plot(n, values, color=color, marker=marker, ms=size, lw=1.6, alpha=0.9, label=model)
    words = [f"stated slope {case.exponent:.3f} (99.9 % intervals)"]
    for model in ("teacher", "student"):
        line = lines[model]
        words.append(f"{model} {line['slope']:.3f} in [{line['lower']:.2f}, {line['upper']:.2f}]")
    panel.text(0.98, 0.97, "\n".join(words), transform=panel.transAxes, ha="right", va="top", fontsize=11.5)
    panel.set(xscale="log", yscale="log", xlabel="n (data)", ylabel="mean squared error")
    for axis, name in ((panel.xaxis, ",.0f"), (panel.yaxis, "g")):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
        axis.set_major_formatter(FuncFormatter(lambda value, _, form=name: format(value, form)))
        axis.set_minor_formatter(NullFormatter())
    panel.set_title(f"{case.order} derivative{'s' if case.order > 1 else ''}, d = {case.dimension}", fontsize=14)


if __name__ == "__main__":
    print(con.report.text(main("out")))

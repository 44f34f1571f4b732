"""
Does overfitting hurt robustness? Between two bounds
====================================================

A teacher that generalizes, and a student that follows it but gives every noisy training label on a whole ball: zero
robust training error. How wrong is the student on perturbed test points? At least as wrong as *every* network with
these training balls must be, and at most as wrong as its teacher plus the points near a rival's ball. The figure shows
the student between the two bounds while one thing after another is changed; as the ramp goes to 0 its excess over the
teacher becomes exactly what no memorizer can avoid. The last panel shows the same for noisy regression.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import experiments

SEED = 31
N, RADIUS, RAMP, DELTA, NOISE, POINTS = 300, 0.006, 0.004, 0.006, 0.1, 2000
SWEEPS = {
    "delta": (0.0, 0.004, 0.008, 0.012, 0.016),
    "radius": (0.001, 0.003, 0.006, 0.009, 0.012),
    "ramp": tuple(0.016 / 4**k for k in range(6)),
    "n": (75, 150, 300, 600),
    "noise": (0.0, 0.05, 0.1, 0.2, 0.3),
}
WORDS = {"delta": "perturbation delta", "radius": "memorized radius", "ramp": "ramp (log scale)",
         "n": "number of training data", "noise": "share of wrong labels"}
BLUE, ORANGE, GREEN, VERMILION = con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN, con.plotting.VERMILION


def main(out=None, seed=SEED):
    """Sweep, bound, measure and draw; return the report, and save it with its picture into ``out`` if given."""
    margin = con.targets.cosine_product([6.0, 5.0], [-0.5, 0.3])
    teacher = con.taylor_partition(margin, order=3, cells=9)
    population = con.populations.Population(margin, 2, NOISE)
    case = experiments.RiskCase(population, teacher, N, RADIUS, RAMP, DELTA, points=POINTS)
    rows = {over: experiments.sweep(case, over, values, rng=seed) for over, values in SWEEPS.items()}
    gap = regression(seed)

    everything = [row for swept in rows.values() for row in swept]
    narrow = rows["ramp"][-1]
    judge, exactly = con.evidence.judge, con.evidence.exactly
    below = sum(row.student.sample.upper < row.below.sample.lower for row in everything)
    above = sum(row.student.sample.lower > row.above.sample.upper for row in everything)
    report = con.Report(
        title="Does overfitting hurt robustness? Between two bounds",
        checks=(
            judge("cases in which the student is below what any memorizer must pay", exactly(below), "==", 0.0),
            judge("cases in which the student is above its bound", exactly(above), "==", 0.0),
            judge(f"excess at ramp {narrow.case.ramp:.1e} / what no memorizer avoids where the teacher is right",
                  exactly(max(getattr(narrow.excess.sample, end) / getattr(narrow.below_where_right.sample, end)
                              for end in ("lower", "upper"))), "<=", 1.01),
            judge("regression: test points where the attack finds less than the data force",
                  exactly(sum(found.escapes for found in gap["found"])), "==", 0.0),
            judge("regression: perturbations at which the attack finds more than the bound allows",
                  exactly(sum(found.attacked > most for found, most in zip(gap["found"], gap["most"], strict=True))),
                  "==", 0.0),
        ),
        tables=(*(experiments.risk_table(swept, f"Robust risk over the {WORDS[over].split(' (')[0]}")
                  for over, swept in rows.items()), gap_table(gap)),
        notes=(
            f"square, margin cos(6 x_1 - 0.5) cos(5 x_2 + 0.3); teacher of glued local polynomials, close to it "
            f"everywhere; {POINTS:,} test points with fresh noisy labels, the same within each sweep",
            "both bounds are counted on the same test points; shaded in the figure: 99 % intervals for the population",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(rows, gap).savefig(folder / "ex07_between_two_bounds.png", dpi=160)
        (folder / "ex07_between_two_bounds.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def regression(seed):
    """Return the robust squared error of a student of noisy real labels, forced, found and bounded, over delta."""
    rng = np.random.default_rng(seed)
    target = con.targets.cosine_product([4.0, 3.0], [-0.5, 0.4])
    X = con.populations.jittered_lattice(14, 2, 0.6, rng)
    y, fresh = target(X) + 0.3 * rng.standard_normal(len(X)), rng.random((1500, 2))
    values = target(fresh) + 0.3 * rng.standard_normal(len(fresh))
    teacher = con.fit_cells(X, y, order=3, cells=experiments.counting.cells_for(len(X), 3, 2))
    student = con.memorize(X, y, radius=0.004, ramp=0.004, teacher=teacher, task="regression")
    deltas = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05)
    told = student.labels.scores
    found = [experiments.gaps.robust_gap(lambda x: student(x)[:, 0], X, told, student.radius, fresh, values, delta)
             for delta in deltas]
    most = [float(experiments.gaps.gap_above(student, fresh, values, delta).mean()) for delta in deltas]
    return {"deltas": deltas, "found": found, "most": most}


def gap_table(gap):
    """Return the regression gap over the perturbation."""
    rows = [(delta, found.forced, found.attacked, most)
            for delta, found, most in zip(gap["deltas"], gap["found"], gap["most"], strict=True)]
    columns = ("delta", "any memorizer >=", "student, attacked", "student <=")
    return con.evidence.Table("Robust squared error in noisy regression", columns, tuple(rows),
                              "196 data on a jittered lattice, radius 0.004, 1,500 fresh noisy labels")


def draw(rows, gap):
    """Return the figure: one panel for each thing that is changed, and one for regression."""
    with plt.rc_context({"font.size": 12, "legend.frameon": False}):
        figure, grid = plt.subplots(2, 3, figsize=(14.0, 8.6), layout="constrained")
        for (over, swept), axes in zip(rows.items(), grid.flat, strict=False):
            panel(over, swept, axes)
        axes = grid.flat[5]
        forced, attacked = ([getattr(found, name) for found in gap["found"]] for name in ("forced", "attacked"))
        axes.fill_between(gap["deltas"], attacked, gap["most"], color=BLUE, alpha=0.16, lw=0)
        axes.plot(gap["deltas"], gap["most"], color=ORANGE, lw=7.0, alpha=0.55, label="student: at most")
        axes.plot(gap["deltas"], attacked, "o-", color=BLUE, lw=2.0, ms=5, label="student, attacked")
        axes.plot(gap["deltas"], forced, color=VERMILION, lw=2.2, ls="--", label="any memorizer: at least")
        axes.set(xlabel="perturbation delta", ylabel="robust squared error", ylim=(0, None))
        axes.set_title("noisy regression", fontsize=13)
        axes.legend(fontsize=11, loc="upper left")
        for axes in grid.flat:
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def panel(over, swept, axes):
    """Draw one sweep of the classification case."""
    x = [row.noise if over == "noise" else getattr(row.case, over) for row in swept]

    def ends(name, kind="sample"):
        shares = [getattr(getattr(row, name), kind) for row in swept]
        return 100 * np.array([share.lower for share in shares]), 100 * np.array([share.upper for share in shares])

    axes.fill_between(x, *ends("student", "population"), color=BLUE, alpha=0.16, lw=0)
    axes.plot(x, ends("above")[1], color=ORANGE, lw=7.0, alpha=0.55, label="student: at most")
    axes.plot(x, ends("student")[1], "o-", color=BLUE, lw=2.0, ms=5, label="student, measured")
    axes.plot(x, ends("student")[0], color=BLUE, lw=1.0, ls=":")
    axes.plot(x, ends("teacher")[1], color=con.plotting.BLACK, lw=1.6, label="its teacher")
    axes.plot(x, ends("below")[0], color=VERMILION, lw=2.2, ls="--", label="any memorizer: at least")
    if over == "ramp":
        axes.plot(x, ends("excess")[1], "s-", color=GREEN, lw=1.6, ms=4, label="student's excess over its teacher")
        axes.plot(x, ends("below_where_right")[0], color=GREEN, lw=2.4, ls="--", label="unavoidable where it is right")
        axes.set_xscale("log")
    else:
        axes.locator_params(axis="x", nbins=5)
    axes.set(xlabel=WORDS[over], ylabel="robust test error (%)", ylim=(-0.5, None))
    axes.set_title(f"over the {WORDS[over].split(' (')[0]}", fontsize=13)
    if over in ("delta", "ramp"):
        axes.set_ylim(-0.5, (1.5 if over == "delta" else 2.0) * ends("above")[1].max())
        axes.legend(fontsize=11, loc="upper left")


if __name__ == "__main__":
    print(con.report.text(main("out")))

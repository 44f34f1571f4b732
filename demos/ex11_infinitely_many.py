"""
Infinitely many robust memorizers
=================================

There is not one network with zero robust training error but a continuum: make every ramp narrower by a factor t and
nothing on the training balls changes. Here the family is swept. Every member is certified on its weights, two members
are shown to differ at a point in rational arithmetic, and the robust test errors of all members form a band: between
the error that no memorizer avoids and the error of the widest ramp.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con

SEED = 5
N, TEST, DELTA = 220, 2500, 0.008
PARAMETERS = tuple(2.0**-k for k in range(11))


def main(out=None, seed=SEED):
    """Memorize, sweep the family, certify, measure and draw; return the report, saved with its picture into ``out``."""
    rng = np.random.default_rng(seed)
    margin = con.targets.cosine_product([5.0, 4.0], [-0.4, 0.2])
    population = con.populations.Population(margin, 2, noise=0.1)
    X = con.populations.jittered_lattice(15, 2, 0.5, rng)[:N]
    y = population.label(X, rng)
    student = con.memorize(X, y, radius=0.006, ramp=0.016, teacher=con.taylor_partition(margin, order=3, cells=8))
    points, truth = population.sample(TEST, rng)
    members = [student.family(t) for t in PARAMETERS]
    certificates = [member.certify() for member in members]
    verdicts = [con.risk.verdicts(member, points, truth, radius=DELTA) for member in members]
    errors = [con.populations.sample_bracket(v) for v in verdicts]
    least = float(con.students.unavoidable(X, y, student.radius, points, truth, DELTA).mean())
    taught = con.risk.robust_error(student.teacher, points, truth, radius=DELTA)
    family = con.students.Family(student)
    pairs = list(zip(PARAMETERS[:-1], PARAMETERS[1:], strict=True))
    differences = [family.witness(s, t) for s, t in pairs]

    judge, exactly = con.evidence.judge, con.evidence.exactly
    sizes = [member.to_network().size.nonzeros for member in members]
    falls = sum(later.upper > earlier.upper for earlier, later in zip(errors[:-1], errors[1:], strict=True))
    report = con.Report(
        title="Infinitely many robust memorizers",
        checks=(
            judge("members with a robust training error that is not proved to be 0",
                  exactly(sum(found.robust_error.upper > 0 for found in certificates)), "==", 0.0),
            judge("neighboring members not shown to differ", exactly(differences.count(None)), "==", 0.0),
            judge("nonzeros of the largest member", exactly(max(sizes)), "==", min(sizes), "those of the smallest"),
            judge("members below what no memorizer avoids", exactly(sum(e.upper < least for e in errors)), "==", 0.0),
            judge("steps to a narrower ramp at which the error rises", exactly(falls), "==", 0.0),
        ),
        tables=(table(members, certificates, errors, least, taught), witnesses(pairs, differences)),
        notes=(f"{N} data on a jittered lattice, a tenth of the labels wrong, radius {student.radius}; {TEST:,} fresh "
               f"points with fresh labels, perturbation {DELTA}",
               "one member for every t in (0, 1]: the table shows eleven; balls and nonzeros are the same for all"),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        risks = [con.populations.risk_bracket(v) for v in verdicts]
        figure = draw(student, differences[0], errors, risks, least, taught)
        figure.savefig(folder / "ex11_infinitely_many.png", dpi=160)
        (folder / "ex11_infinitely_many.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def shown(share):
    """Return a bracket of a share in percent."""
    return f"{100 * share.lower:.2f}" if share.width == 0 else f"{100 * share.lower:.2f} - {100 * share.upper:.2f}"


def table(members, certificates, errors, least, taught):
    """Return one row for each member."""
    rows = [(t, member.ramp, found.robust_error.upper, shown(error)) for t, member, found, error
            in zip(PARAMETERS, members, certificates, errors, strict=True)]
    rows += [("teacher", "", "", shown(taught)), ("any memorizer, at least", "", "", f"{100 * least:.2f}")]
    return con.evidence.Table("The family", ("t", "ramp", "robust training error, at most", "robust test error (%)"),
                              tuple(rows))


def witnesses(pairs, differences):
    """Return where neighboring members differ, and by how much."""
    rows = [(s, t, *found.point.tolist(), float(found.first[0]), float(found.second[0]))
            for (s, t), found in zip(pairs, differences, strict=True) if found is not None]
    columns = ("s", "t", "x_1", "x_2", "member s", "member t")
    return con.evidence.Table("Points where members differ", columns, tuple(rows),
                              "values computed in rational arithmetic, shown as decimals")


def draw(student, difference, errors, risks, least, taught):
    """Return the figure: a cut through one ball for five members, and the band of robust test errors."""
    with plt.rc_context({"font.size": 12, "legend.frameon": False}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(13.5, 5.2), layout="constrained")
        center = student.X[np.argmin(np.abs(student.X - difference.point).max(axis=1))]
        axis = int(np.argmax(np.abs(difference.point - center)))
        window = student.radius + 1.4 * student.ramp
        offset = np.linspace(-window, window, 4001)
        line = center + offset[:, None] * np.eye(2)[axis]
        shades = plt.get_cmap("viridis")(np.linspace(0.05, 0.9, 5))
        for t, shade in zip((1.0, 0.5, 0.25, 0.125, 0.0625), shades, strict=True):
            left.plot(offset, student.family(t)(line)[:, 0], color=shade, lw=2.0, label=f"t = {t:g}")
        left.axvspan(-student.radius, student.radius, color=con.plotting.BLUE, alpha=0.12, lw=0)
        left.axhline(0.0, color="0.5", lw=0.8)
        left.annotate("memorized\nball", (0, 0.3), ha="center", va="center", fontsize=11.5)
        left.set(xlabel=f"distance from the datum along $x_{axis + 1}$", ylabel="score")
        left.set_title("five members along a line through one datum", fontsize=13)
        left.legend(loc="best")
        low, high = ([100 * getattr(e, end) for e in errors] for end in ("lower", "upper"))
        right.fill_between(PARAMETERS, [100 * r.lower for r in risks], [100 * r.upper for r in risks], lw=0, alpha=0.16,
                           color=con.plotting.BLUE, label="99 % interval for the population")
        right.plot(PARAMETERS, high, "o-", color=con.plotting.BLUE, lw=2.0, ms=5, label="members, on the test points")
        right.plot(PARAMETERS, low, color=con.plotting.BLUE, lw=1.0, ls=":")
        right.axhline(100 * taught.upper, color=con.plotting.BLACK, lw=1.6, label="their teacher")
        right.axhline(100 * least, color=con.plotting.VERMILION, lw=2.2, ls="--", label="any memorizer: at least")
        right.set_xscale("log", base=2)
        right.set(xlabel="parameter t (log scale)", ylabel="robust test error (%)", ylim=(0, None))
        right.set_title(f"robust test error of the family, delta = {DELTA}", fontsize=13)
        right.legend(loc="center left", bbox_to_anchor=(0.0, 0.5))
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    print(con.report.text(main("out")))

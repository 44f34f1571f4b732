"""
A smooth target, wrong labels, and a network that fits them all
===============================================================

A sample of a smooth margin in the square, one label in ten wrong. A local-polynomial *teacher* approximates the
margin with a proved error; a *student* gives every training label, the wrong ones too, on a whole ball round its
datum, and copies the teacher elsewhere. The report counts both networks against their formulas, proves the robust
training error, and brackets the robust test error beside the teacher, the construction as published, the nearest
neighbor, and the bound that no memorizer can beat.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con

SEED = 20240117
SIDE, RADIUS, DELTA, TEST = 16, 0.014, 0.006, 5_000


def main(out=None, seed=SEED):
    """Build, prove, measure and draw; return the report, and save it with its picture into ``out`` if given."""
    rng = np.random.default_rng(seed)
    target = con.targets.cosine_product(frequency=[5.0, 4.0], phase=[-0.5, 0.4])
    population = con.populations.Population(target, 2)
    X = con.populations.jittered_lattice(SIDE, 2, 0.4, rng)
    y, wrong = con.populations.flip_labels(population.truth(X), 0.1, rng)

    teacher = con.taylor_partition(target, order=3, cells=8)
    error = con.sup_error(teacher.to_network(), target, limit=teacher.error.upper)
    student = con.memorize(X, y, radius=RADIUS, teacher=teacher)
    paper = con.memorize(X, y, radius=RADIUS, teacher=teacher, recipe="paper")
    neighbor = con.NearestNeighbor(X, y)

    certificate, published = student.certify(), distance(paper, rng)
    fitted = student.predict(X) == y
    fresh, truth = population.sample(TEST, rng)
    models = {"teacher": teacher, "student": student, "1-nearest neighbor": neighbor}
    verdicts = {name: con.risk.verdicts(model, fresh, truth, radius=DELTA) for name, model in models.items()}
    met = con.students.unavoidable(X, y, RADIUS, fresh, truth, DELTA)
    risks = [(name, con.populations.risk_bracket(v)) for name, v in verdicts.items()]
    bound = con.populations.risk_bracket(met.astype(np.int8))

    report = con.Report(
        title="A smooth target, wrong labels, and a network that fits them all",
        checks=(
            con.evidence.judge("teacher within its stated distance of the target", error, "<=", teacher.error.upper,
                      "local polynomials and gates"),
            con.evidence.judge("robust training error of the student", certificate.robust_error, "==", 0.0),
            counted("student", student),
            con.evidence.judge("published construction: distance from the labels, points tried", published, "<=",
                      paper.recipe.epsilon, "epsilon"),
            counted("published construction", paper),
            con.evidence.judge("unavoidable errors that the student escapes",
                               con.evidence.exactly(float((met & (verdicts["student"] == 0)).mean())), "==", 0.0),
        ),
        tables=(sizes(teacher, student, paper, len(X)), tested(verdicts, met), widths(student, paper)),
        notes=(
            f"{len(X)} data, {int(wrong.sum())} wrong labels, all fitted: {'yes' if fitted.all() else 'no'}; "
            f"separation {con.separation(X, y).distance:.4f}, radius {RADIUS}, ramp {student.ramp:.4g}, "
            f"test perturbation {DELTA}",
            teacher.statement,
            certificate.statement,
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(teacher, student, X, y, wrong, risks, bound).savefig(folder / "ex01_wrong_labels.png", dpi=160)
        (folder / "ex01_wrong_labels.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def counted(name, student):
    """Return the check that the size by formula is the size by counting."""
    count = con.evidence.exactly(student.to_network().size.nonzeros)
    return con.evidence.judge(f"{name}: nonzeros counted", count, "==", student.size.nonzeros, "formula")


def distance(student, rng):
    """Return the largest distance from the labels found at 40 points of each training box, corners included."""
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    steps = np.concatenate([corners, rng.uniform(-1, 1, (36, 2))])
    points = student.X[:, None, :] + student.radius * (1 - 2.0**-40) * steps
    gaps = np.abs(student.to_network()(points)[..., 0] - student.y[:, None])
    return con.Bracket(float(gaps.max()), np.inf, con.Evidence.SAMPLED)


def sizes(teacher, student, paper, n):
    """Return the ledger: every count of the teacher, the student and the published construction."""
    rows = []
    for name, size in (("teacher", teacher.to_network().size), ("student", student.size), ("as published", paper.size)):
        extra = "" if name == "teacher" else (size.nonzeros - teacher.nonzeros) / n
        rows.append((name, size.nonzeros, extra, size.units, size.depth, size.width, size.parameters, size.distinct,
                     size.magnitude))
    columns = ("network", "nonzeros", "more per datum", "units", "depth", "width", "dense parameters", "distinct",
               "largest weight")
    return con.evidence.Table("Size, by formula", columns, tuple(rows),
                     "the student needs 6 d + 2 = 14 nonzeros for each datum, the published one about twice as many")


def tested(verdicts, met):
    """Return the robust test errors on the drawn points, proved from both sides, beside the unavoidable one."""
    rows = [(name, float((v == 1).mean()), float((v != 0).mean())) for name, v in verdicts.items()]
    rows.append(("unavoidable for any memorizer", float(met.mean()), float(met.mean())))
    title = f"Robust test error on {TEST:,} fresh points, true labels"
    note = "the picture adds the sampling interval (99 %)"
    return con.evidence.Table(title, ("model", "at least", "at most"), tuple(rows), note)


def widths(student, paper):
    """Return how wide plain interval propagation is on the training boxes of both networks."""
    rows = []
    for name, model in (("student", student), ("as published", paper)):
        low, high = con.interval_bounds(model.to_network(), model.bumps.lower, model.bumps.upper)
        rows.append((name, float((high - low).min()), float(np.median(high - low)), float((high - low).max())))
    title = "Width of interval propagation on the training boxes"
    note = "0 means: the cheapest sound verifier returns exactly the label"
    return con.evidence.Table(title, ("network", "least", "median", "largest"), tuple(rows), note)


def draw(teacher, student, X, y, wrong, risks, bound):
    """Return the figure: teacher, student, a wrong label from near, test errors, and the anatomy of a bump."""
    figure = plt.figure(figsize=(13.5, 8.2), layout="constrained")
    top, below = figure.subfigures(2, 1, height_ratios=[1.25, 1.0])
    left, middle, right = top.subplots(1, 3)
    con.plotting.score_map(teacher, left)
    con.plotting.data_points(X, y, left, wrong=wrong)
    left.set_title("teacher (wrong labels ringed)", fontsize=11)
    con.plotting.score_map(student, middle, resolution=801)
    con.plotting.data_points(X, y, middle, wrong=wrong, size=6)
    middle.set_title("student: every label on a whole ball", fontsize=11)
    inner = np.flatnonzero(wrong)
    middle_first = inner[np.argmin(np.abs(X[inner] - 0.5).max(axis=1))]
    near = np.stack([X[middle_first] - 0.05, X[middle_first] + 0.05], axis=1)
    con.plotting.score_map(student, right, window=near, resolution=501)
    con.plotting.student_boxes(student, right, window=near)
    con.plotting.data_points(X, y, right, wrong=wrong, size=40)
    right.set(xlim=near[0], ylim=near[1])
    right.set_title("a wrong label: plateau solid, ramp dashed", fontsize=11)
    top.colorbar(right.images[0], ax=[left, middle, right], label="score (sign = class)", shrink=0.85, pad=0.01)
    bars, anatomy = below.subplots(1, 2)
    con.plotting.brackets(risks, bars, bound=("no memorizer can do better", bound))
    bars.set_title("robust test error: proved on the sample, 99 % intervals")
    con.plotting.bump_anatomy(ax=anatomy)
    anatomy.set_title("anatomy of a bump in one dimension")
    return figure


if __name__ == "__main__":
    print(con.report.text(main("out")))

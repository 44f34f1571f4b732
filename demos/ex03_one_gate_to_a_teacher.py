"""
From one gate to a teacher
==========================

How a ReLU network comes to follow a smooth target, a step at a time: teeth make a *square*, two squares a *product*,
two products a *cubic*, a look-up and a few products one *cell* of local polynomials, steps that find the cell a whole
*teacher*. Below every picture stands its error with the proved bound. The last teacher glues its pieces with hats and
needs no bands between cells. The report certifies every error from both sides and counts every network against its
formula.
"""

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import domain

CELLS, ORDER, FREQUENCY, BAND = 6, 3, 9.0, 2.0**-6
ROOM = 1.01  # the first two gates attain their bound, and an enclosure is never quite as narrow as the truth
TARGET, NETWORK = con.plotting.ORANGE, con.plotting.BLUE


def main(out=None):
    """Build, certify and draw every step; return the report, and save it with its picture into ``out`` if given."""
    target = con.targets.cosine_product([FREQUENCY], [0.5])
    teacher = con.taylor_cells(target, order=ORDER, cells=CELLS, width=BAND)
    glued = con.taylor_partition(target, order=ORDER, cells=CELLS)
    steps = [*gates(), *teachers(target, teacher, glued)]
    errors = [con.sup_error(step["network"], step["target"], step["where"], relative=0.01) for step in steps]
    inside = con.sup_error(teacher.to_network(), target, list(teacher.region.bands))

    table = ledger(steps, errors)
    checks = [con.evidence.judge(f"{step['name']}: largest error", error, "<=", step.get("room", 1.0) * bound(step),
                                 step["formula"]) for step, error in zip(steps, errors, strict=True)]
    checks += [con.evidence.judge(f"{row[0]}: nonzeros counted", con.evidence.exactly(row[6]), "==", row[5], "formula")
               for row in table.rows]
    report = con.Report(
        title="From one gate to a teacher",
        checks=tuple(checks),
        tables=(table,),
        notes=(
            f"target cos({FREQUENCY:g} x + 0.5) on [0, 1]; teachers of order {ORDER} on {CELLS} cells; nothing is "
            "drawn at random, there is no seed",
            f"bands between cells are {BAND:g} wide, so that they can be seen (default: at most 2^-20 of a cell); on "
            f"them the teacher on cells is off by {inside.lower:.3g} to {inside.upper:.3g}; the glued one has none",
            f"teacher on cells: {teacher.statement}",
            f"glued teacher: {glued.statement}",
        ),
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(steps).savefig(folder / "ex03_one_gate_to_a_teacher.png", dpi=160)
        (folder / "ex03_one_gate_to_a_teacher.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def gates():
    """Return the first three steps: a square, a product, a cubic, each with its gate's stated error and size."""
    square, product, cubic = con.blocks.square_gate(3), con.blocks.product_gate(2), con.blocks.monomial_gate(3, 3)
    plane, line = domain.Box.cube(2, -1.0, 1.0), domain.Box.cube(1, -1.0, 1.0)
    return [
        {"name": "square gate", "network": square.network, "gate": square, "picture": draw_square,
         "target": con.targets.polynomial({(2,): 1.0}), "where": domain.Box.cube(1), "room": ROOM,
         "formula": "4^-(m+1), m = 3, and 1 %"},
        {"name": "product gate", "network": product.network, "gate": product, "picture": draw_product,
         "target": con.targets.polynomial({(1, 1): 1.0}, box=plane), "where": plane, "room": ROOM,
         "formula": "4^-(m+1), m = 2, and 1 %"},
        {"name": "cubic gate", "network": cubic.network @ con.calculus.select(1, [0, 0, 0]), "gate": cubic,
         "picture": draw_cubic, "target": con.targets.polynomial({(3,): 1.0}, box=line), "where": line,
         "formula": "2 4^-(m+1), m = 3"},
    ]


def teachers(target, teacher, glued):
    """Return the last three steps: one cell of the teacher on cells, all of it, and the glued teacher."""
    bands, formula = teacher.region.bands, "F_r (d / 2K)^r / r! + gates"
    cell = domain.Box(bands[3].upper, bands[4].lower)
    on_cells = {"network": teacher.to_network(), "gate": teacher, "target": target, "formula": formula}
    return [
        {"name": "one cell", "where": cell, "picture": draw_cell, **on_cells},
        {"name": "teacher on cells", "where": teacher.region, "picture": draw_teacher, **on_cells},
        {"name": "glued teacher", "network": glued.to_network(), "gate": glued, "target": target, "where": target.box,
         "picture": draw_teacher, "formula": "kappa_r c_r F_r (d / K)^r / r! + gates"},
    ]


def bound(step):
    """Return the stated error of a gate or a teacher."""
    error = step["gate"].error
    return error.upper if isinstance(error, con.Bracket) else float(error)


def ledger(steps, errors):
    """Return the stated bound, the certified bracket, the share of the bound that is used, and every count."""
    rows = []
    for step, error in zip(steps, errors, strict=True):
        size = step["gate"].network.size if step["name"].endswith("gate") else step["network"].size
        rows.append((step["name"], bound(step), error.lower, error.upper, error.lower / bound(step),
                     step["gate"].nonzeros, size.nonzeros, size.depth, size.units))
    columns = ("step", "bound", "error at least", "error at most", "share of the bound", "nonzeros by formula",
               "counted", "depth", "units")
    note = ("the share is the certified lower end over the bound; the first two bounds are attained, so their checks "
            "leave the enclosure 1 %")
    return con.evidence.Table("Errors and sizes", columns, tuple(rows), note)


def draw(steps):
    """Return the figure: six steps, each with the function above and its error with the proved bound below."""
    with plt.rc_context({"font.size": 12, "legend.edgecolor": "none", "legend.framealpha": 1.0,
                         "legend.fontsize": 11.5,
                         "axes.spines.top": False, "axes.spines.right": False}):
        figure = plt.figure(figsize=(12.0, 10.6), layout="constrained")
        parts = figure.subfigures(2, 3, wspace=0.03, hspace=0.03).ravel()
        for number, (part, step) in enumerate(zip(parts, steps, strict=True), start=1):
            above, below = part.subplots(2, 1, height_ratios=[2.1, 1.0], sharex=True)
            above.set_title(f"{number}  {step['name']}", fontsize=15, loc="left")
            above.set_ylabel("value")
            below.set_ylabel("error")
            step["picture"](step, above, below)
    return figure


def draw_square(step, above, below):
    """Draw the square gate, the teeth that it is made of, and its error."""
    x = np.linspace(0.0, 1.0, 1025)
    tooth = 1.0 - np.abs(2.0 * x - 1.0)
    for level, shade in ((1, 0.95), (2, 0.7), (3, 0.5)):
        above.plot(x, tooth / 4.0**level, color=con.plotting.PURPLE, alpha=shade, lw=1.8,
                   label="teeth / 4, 16, 64" if level == 1 else None)
        tooth = 1.0 - np.abs(2.0 * tooth - 1.0)
    both(above, x, step, "$x^2$", "$x$ less the teeth")
    above.legend(loc="upper left")
    deviation(below, x, step["network"](x[:, None])[:, 0] - x**2, bound(step))
    below.set(xlabel="x", ylim=(-0.3 * bound(step), 2.3 * bound(step)))


def draw_product(step, above, below):
    """Draw the level lines of the product gate over those of x y, and its error on the diagonal."""
    x = np.linspace(-1.0, 1.0, 513)
    plane = np.stack(np.meshgrid(x, x), axis=-1)
    levels = [-0.7, -0.4, -0.2, -0.05, 0.05, 0.2, 0.4, 0.7]
    above.contour(x, x, step["target"](plane), levels=levels, colors=TARGET, linewidths=5, alpha=0.55,
                  linestyles="solid")
    above.contour(x, x, step["network"](plane)[..., 0], levels=levels, colors=NETWORK, linewidths=1.8,
                  linestyles="solid")
    above.plot(x, x, color=con.plotting.BLACK, lw=1.2, ls=":")
    above.set_ylabel("y")
    above.set_title("2  product gate: level lines", fontsize=15, loc="left")
    deviation(below, x, step["network"](np.stack([x, x], axis=-1))[:, 0] - x * x, bound(step))
    below.set_xlabel("x = y (dotted diagonal)")


def draw_cubic(step, above, below):
    """Draw the cubic and its error."""
    x = np.linspace(-1.0, 1.0, 2049)
    both(above, x, step, "$s^3$", "two products")
    above.legend(loc="upper left")
    deviation(below, x, step["network"](x[:, None])[:, 0] - x**3, bound(step))
    below.set_xlabel("s, from -1 to 1 across a cell")


def draw_cell(step, above, below):
    """Draw one cell of the teacher, and the polynomial that is read there beyond it."""
    x = np.linspace(0.0, 1.0, 6001)
    low, high = step["where"].lower[0], step["where"].upper[0]
    middle, target = (low + high) / 2, step["target"]
    piece = sum(target.derivative((a,), np.array([[middle]]))[0] * (x - middle) ** a / math.factorial(a)
                for a in range(ORDER))
    inside = (x >= low) & (x <= high)
    value = step["network"](x[:, None])[:, 0]
    above.axvspan(low, high, ymax=0.68, color=con.plotting.SKY, alpha=0.25, lw=0)
    above.plot(x, target(x[:, None]), color=TARGET, lw=5, alpha=0.55, label="target")
    near = (np.abs(piece) <= 1.15) & (np.abs(x - middle) <= 1.2 * (high - low))
    above.plot(x[near], piece[near], color=con.plotting.BLACK, lw=1.2, ls="--",
               label=f"degree {ORDER - 1} round the middle")
    above.plot(x[inside], value[inside], color=NETWORK, lw=2.2, label="network")
    above.set_ylim(-1.25, 2.1)
    above.legend(loc="upper right")
    deviation(below, x[inside], (value - target(x[:, None]))[inside], bound(step))
    below.set(xlabel="x", ylim=(-2.3 * bound(step), 2.3 * bound(step)))


def draw_teacher(step, above, below):
    """Draw a whole teacher, its bands gray where it has some."""
    x = np.linspace(0.0, 1.0, 6001)
    bands = getattr(step["where"], "bands", ())
    for k, band in enumerate(bands):
        for axes, top in ((above, 0.7), (below, 1.0)):
            axes.axvspan(*band.lower, *band.upper, ymax=top, color="#bbbbbb", alpha=0.7, lw=0,
                         label="bands: no promise" if k == 0 and axes is above else None)
    both(above, x, step, "target", "network")
    above.set_ylim(-1.25, 2.1)
    above.legend(loc="upper right")
    deviation(below, x, step["network"](x[:, None])[:, 0] - step["target"](x[:, None]), bound(step))
    widest = step["target"].bound(ORDER) / (2 * CELLS) ** ORDER / math.factorial(ORDER)
    below.set(xlabel="x", ylim=(-2.3 * widest, 2.3 * widest))


def both(axes, x, step, target, network):
    """Draw target and network over x."""
    axes.plot(x, step["target"](x[:, None]), color=TARGET, lw=5, alpha=0.55, label=target)
    axes.plot(x, step["network"](x[:, None]), color=NETWORK, lw=1.8, label=network)


def deviation(axes, x, error, most):
    """Draw the error over x between its proved bounds."""
    axes.axhline(most, color=con.plotting.GREEN, ls="--", lw=1.8, label=f"proved bound {most:.2g}")
    axes.axhline(-most, color=con.plotting.GREEN, ls="--", lw=1.8)
    axes.plot(x, error, color=NETWORK, lw=1.4)
    axes.set_ylim(-2.3 * most, 2.3 * most)
    axes.legend(loc="upper right", borderaxespad=0.0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))


if __name__ == "__main__":
    print(con.report.text(main("out")))

"""
Steps on the sphere
===================

On separated spherical caps the inner products with a cap's own center are near 1, those with other centers are well
below: a function that steps from 0 to 1 in between turns labels into a robust fit. Four such steps with proved errors:
a polynomial in closed form, a majority vote, a linear program, and the step of least norm among all power series. Their
degree follows the angle between the two sets; what they cost as random features follows the root of one over the
distance, from above and from below, whatever the weights.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import nearinit

OWN, FOREIGN = 0.05, 0.0025
"""Errors allowed on the own and on the foreign inner products: 20 caps fitted within 0.1."""
CASES = ((1.2, 0.1, 16), (1.0, 0.1, 22), (1.0, 0.25, 18), (1.0, 0.4, 16), (0.5, 0.05, 88), (0.5, 0.125, 70),
         (0.25, 0.025, 352), (0.25, 0.0625, 281))
"""Distance, radius, and the power in the vote."""
SHARES = (0.0, 0.1, 0.25)
"""Radius over distance."""
DISTANCES = tuple(2.0**-k for k in range(7))
SMALL = 1 / 8
"""The exponent is fitted on distances up to this one."""
PROGRAM_DISTANCES, VOTE_DISTANCES = (1.0, 0.5, 0.25), DISTANCES[:5]
"""Where the linear program's powers up to 400 suffice, and where the vote's series has less than a million terms."""
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                                 con.plotting.VERMILION, con.plotting.PURPLE, con.plotting.BLACK)
COLORS = dict(zip(SHARES, (BLUE, GREEN, VERMILION), strict=True))


def task(distance, radius):
    """Return the task for caps of any dimension."""
    return nearinit.separated_task(distance, radius, own_error=OWN, foreign_error=FOREIGN)


def main(out=None):
    """Build the steps, prove and measure their errors and costs, draw; return the report, and save it into ``out``."""
    rows = [case(*each) for each in CASES]
    costs = {share: [cost(share, distance) for distance in DISTANCES] for share in SHARES}
    report = con.Report(
        title="Steps on the sphere",
        checks=(*checks(rows), *cost_checks(costs)),
        tables=(degrees(rows), votes(rows), norms(costs)),
        notes=(
            f"errors allowed: {OWN} on own, {FOREIGN} on foreign inner products; foreign ones down to -1",
            "proved errors: of the stored polynomial between nodes by an inequality of Riesz, with the rounding of "
            "every computed value; of votes in rational arithmetic at the edges; of atoms by chords and tangents",
            "the theorem's errors are before rounding and hold for every degree; the smallest proved degree is found "
            "by trying all smaller ones",
            "least cost: at most a proved step's, at least what duality proves; votes are on z = 1 / (1 + c (1 - t))",
        ),
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(rows, costs).savefig(folder / "ex13_steps_on_the_sphere.png", dpi=160)
        (folder / "ex13_steps_on_the_sphere.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def case(distance, radius, power):
    """Return the closed form and the vote for one row of the table, measured."""
    goal = task(distance, radius)
    form, vote = nearinit.chebyshev_step(goal), nearinit.bernstein_step(goal, power=power)
    return {"distance": distance, "radius": radius, "form": form, "vote": vote,
            "least": nearinit.certified_degree(goal), "seen": nearinit.measured_errors(form),
            "seen by vote": nearinit.measured_errors(vote)}


def cost(share, distance):
    """Return the least cost from both sides, the vote's, and the closed-form lower bounds."""
    goal = task(distance, share * distance)
    gap = 2 * np.sin(goal.window / 2)
    return {
        "distance": distance,
        "least": nearinit.least_norm(goal),
        "vote": nearinit.rational_step(goal).cost if distance in VOTE_DISTANCES else None,
        "program": (nearinit.minimal_step(goal, direction="constant").cost if distance in PROGRAM_DISTANCES else None),
        "edges": nearinit.step_bound(goal),
        "weights": nearinit.weight_bound(gap, 1 - OWN - FOREIGN),
    }


def checks(rows):
    """Return whether proved errors are above the measured ones and below the allowed ones, and the degrees' law."""
    judge, exactly = con.evidence.judge, con.evidence.exactly
    pairs = [(seen, proved, allowed) for row in rows for key, step in (("seen", "form"), ("seen by vote", "vote"))
             for seen, proved, allowed in zip(row[key], row[step].certified, (OWN, FOREIGN), strict=True)]
    times = [row["form"].degree * row["form"].task.window for row in rows]
    found = (
        judge("errors met above a proved one", exactly(sum(seen > proved for seen, proved, _ in pairs)), "==", 0.0),
        judge("proved errors above the allowed one", exactly(sum(proved > allowed for _, proved, allowed in pairs)),
              "==", 0.0),
        judge("degree times angle between the sets, smallest", con.Bracket(min(times), min(times)), ">=", 14.0),
        judge("degree times angle between the sets, largest", con.Bracket(max(times), max(times)), "<=", 20.0),
    )
    return found


def cost_checks(costs):
    """Return whether every lower bound is respected, and the fitted exponents."""
    rows = [row for each in costs.values() for row in each]
    least = min(row["least"].lower / max(row["edges"], row["weights"]) for row in rows)
    most = max(row["least"].upper / row["vote"] for row in rows if row["vote"] is not None)
    exponents = [exponent(costs[share], end) for share in SHARES for end in ("lower", "upper")]
    off = max(abs(each - 0.5) for each in exponents)
    return (
        con.evidence.judge("least cost over the lower bounds, smallest", con.Bracket(least, least), ">=", 1.0),
        con.evidence.judge("least cost over the vote's, largest", con.Bracket(most, most), "<=", 1.0),
        con.evidence.judge(f"fitted exponent of 1 / distance from 1/2, distances up to {SMALL}", con.Bracket(off, off),
                           "<=", 0.05),
    )


def exponent(rows, end):
    """Return the slope of log cost against log(1 / distance) at small distances."""
    chosen = [row for row in rows if row["distance"] <= SMALL]
    x = np.log([1 / row["distance"] for row in chosen])
    return float(np.polyfit(x, np.log([getattr(row["least"], end) for row in chosen]), 1)[0])


def degrees(rows):
    """Return the closed form's degrees and errors."""
    lines = []
    for row in rows:
        form = row["form"]
        lines.append((row["distance"], row["radius"], form.degree, form.degree * form.task.window, *form.stated,
                      *form.certified, *row["seen"], row["least"]))
    columns = ("distance", "radius", "degree", "times angle", "own error by theorem", "foreign", "own error proved",
               "foreign", "own error met", "foreign", "smallest proved degree")
    return con.evidence.Table("Polynomials in closed form", columns, tuple(lines),
                              "degree: the smallest for which the theorem suffices")


def votes(rows):
    """Return the votes' sizes and errors."""
    lines = [(row["distance"], row["radius"], row["vote"].power, row["vote"].count, row["vote"].threshold,
              row["vote"].degree, *row["vote"].certified, *row["seen by vote"]) for row in rows]
    columns = ("distance", "radius", "power", "coins", "threshold", "degree", "own error proved", "foreign",
               "own error met", "foreign")
    return con.evidence.Table("Majority votes", columns, tuple(lines))


def norms(costs):
    """Return costs and their bounds."""
    lines = [(share, row["distance"], row["weights"], row["edges"], row["least"].lower, row["least"].upper, row["vote"],
              row["program"]) for share in SHARES for row in costs[share]]
    columns = ("radius / distance", "distance", "any weights", "two edges", "least cost at least", "at most", "vote",
               "sum of sizes, program")
    return con.evidence.Table("Costs", columns, tuple(lines),
                              "the program's cost adds sizes where the others add squares: it is larger by nature")


def draw(rows, costs):
    """Return the figure: the steps, their degrees, their costs."""
    with plt.rc_context({"font.size": 12, "legend.frameon": False}):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(17, 5.6), layout="constrained",
                                                     width_ratios=[1.25, 1, 1.1])
        draw_steps(left)
        draw_degrees(rows, middle)
        draw_costs(costs, right)
        for axes in (left, middle, right):
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_steps(axes):
    """Draw four steps for one task against the angle, and where they may not be."""
    goal = task(1.0, 0.25)
    angle = np.linspace(0, np.pi, 1200)
    shade = {"color": "0.86", "lw": 0}
    for lower, upper in ((FOREIGN, 1.3), (-0.3, -FOREIGN)):
        axes.fill_between([goal.foreign_angle, np.pi], lower, upper, **shade)
    for lower, upper in ((1 + OWN, 1.3), (-0.3, 1 - OWN)):
        axes.fill_between([0, goal.own_angle], lower, upper, **shade)
    form, vote = nearinit.chebyshev_step(goal), nearinit.bernstein_step(goal, power=18)
    least, program = nearinit.atomic_step(goal, direction="constant"), nearinit.minimal_step(goal, direction="constant")
    for step, color, style, name in ((form, BLUE, "-", f"closed form, degree {form.degree}"),
                                     (vote, ORANGE, "--", f"majority of {vote.count}, degree {vote.degree}"),
                                     (program, GREEN, "-.", f"least sum of sizes, degree {program.degree}"),
                                     (least, VERMILION, ":", f"least norm, {least.slopes.size} atoms")):
        axes.plot(angle, step(np.cos(angle)), color=color, ls=style, lw=2.4, label=name)
    axes.annotate("own\ncap", (goal.own_angle / 2, 0.45), ha="center", color=BLACK)
    axes.annotate("other caps", (2.0, 0.35), ha="center", color=BLACK)
    axes.set(xlabel="angle from the cap's center (radians)", ylabel="p(cos angle)", xlim=(0, np.pi), ylim=(-0.08, 1.12))
    axes.legend(loc="upper right", fontsize=11.5)
    axes.set_title("steps at distance 1, radius 1/4; gray: not allowed", fontsize=12.5)


def draw_degrees(rows, axes):
    """Draw degrees against the angle between the sets."""
    angle = np.array([row["form"].task.window for row in rows])
    line = np.geomspace(angle.min() / 1.25, angle.max() * 1.25, 2)
    for level in (14, 20):
        axes.plot(line, level / line, color="0.6", lw=1, ls="--")
    axes.plot([], [], color="0.6", lw=1, ls="--", label="14 and 20 over the angle")
    for values, marker, color, name in (
            ([row["vote"].degree for row in rows], "s", ORANGE, "majority vote"),
            ([row["form"].degree for row in rows], "o", BLUE, "closed form, by theorem"),
            ([row["least"] for row in rows], "v", PURPLE, "closed form, proved by values")):
        axes.plot(angle, values, marker, color=color, ms=8, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = (0.1, 0.2, 0.5, 1.0)
    axes.set_xticks(ticks, [f"{each:g}" for each in ticks])
    axes.minorticks_off()
    axes.set(xlabel="angle between the two sets (radians, log scale)", ylabel="degree (log scale)")
    axes.legend(loc="upper right", fontsize=11)
    axes.set_title("degrees: eight distances and radii", fontsize=12.5)


def draw_costs(costs, axes):
    """Draw least costs against one over the distance; for caps of radius 0 with a vote above and a bound below."""
    for share in SHARES[::-1]:
        axes.plot([1 / row["distance"] for row in costs[share]], [row["least"].upper for row in costs[share]], "o-",
                  color=COLORS[share], lw=2.2, ms=6,
                  label=f"radius / distance = {share:g}: slope {exponent(costs[share], 'upper'):.3f}")
    points = costs[SHARES[0]]
    voted = [row for row in points if row["vote"] is not None]
    axes.plot([1 / row["distance"] for row in voted], [row["vote"] for row in voted], "x--", color=PURPLE, lw=1.6,
              label="radius 0: a majority vote")
    axes.plot([1 / row["distance"] for row in points], [row["edges"] for row in points], color=BLUE, lw=1.8, ls=":",
              label="radius 0: lower bound, two edges")
    axes.plot([1 / row["distance"] for row in points], [row["weights"] for row in points], color=BLACK, lw=1.8, ls=":",
              label="radius 0: lower bound, any weights")
    x = np.array([8.0, 64.0])
    axes.plot(x, 0.8 * x**0.5, color=BLACK, lw=2)
    axes.annotate("slope 1/2", (24, 2.6), color=BLACK, fontsize=11.5)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set(xlabel="1 / distance (log scale)", ylabel="norm of the weights, one label (log scale)", ylim=(1.6, 9000))
    axes.legend(loc="upper left", fontsize=11)
    axes.set_title("least cost of a step, proved from both sides", fontsize=12.5)


if __name__ == "__main__":
    print(con.report.text(main("out")))

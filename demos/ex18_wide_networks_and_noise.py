"""
Wide networks that fit noise
============================

A wide network with one hidden layer, trained to the end on noisy labels of many dimensions, is nearly a linear ridge
regression with a ridge of its own. So it overfits benignly, and its slopes, which an attack follows, grow with the data
all the same, though less than those of linear interpolation. Its risk under attack is enclosed from both sides. On a
circle, where nothing is benign, a ridge heals it. And the slopes of a *finite* network with its first layer trained are
not what they seem.

``python demos/ex18_wide_networks_and_noise.py --full`` takes 400 data besides, and ten designs instead of two.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import ridge, tangent

SEED, POINTS = 0, 100
FIRST, BOTH = tangent.TwoLayerKernel("first"), tangent.TwoLayerKernel("both")
RADII = (0.0, 0.01, 0.03, 0.06, 0.12, 0.25, 0.5, 0.75, 1.0)
PENALTIES = (0.0, 0.1)
CIRCLE, CIRCLE_NOISE, CIRCLE_RIDGE = (20, 40, 80, 160), 0.3, 0.01
WIDTHS = (100, 1000, 10_000)
BLUE, ORANGE, GREEN, VERMILION, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                         con.plotting.VERMILION, con.plotting.BLACK)


def main(out=None, seed=SEED, full=False):
    """Fit, attack, compare, draw; return the report, and save it with its picture into ``out`` if given."""
    rows = [interpolated(n, seed, 10 if full else 2) for n in ((50, 100, 200, 400) if full else (50, 100, 200))]
    risks, round_ = attacked(seed), [circle(n, seed) for n in CIRCLE]
    jumps = [finite(width, seed) for width in WIDTHS]
    report = con.Report(
        title="Wide networks that fit noise",
        checks=checks(rows, risks, round_, jumps),
        tables=(growth(rows), risk_table(risks), circle_table(round_), jump_table(jumps)),
        notes=(
            "three directions of variance 3 hold the signal, |theta| = 1; 20 n further ones share the variance "
            f"4 sqrt n; noise variance 1; first layer trained, no ridge; means over {POINTS} test points and the noise",
            "linear, same data: linear ridge regression on the same points with ridge trace / n; equivalent: its "
            "limit; floor: proved for the linear one, so for the network asymptotic too",
            "risk under attack: what an attack finds, from below; error plus the largest movement known, from above; "
            "the guess takes the slope at the point",
            f"circle: truth cos, noise {CIRCLE_NOISE}, both layers trained; finite networks: 8 points in 3 dimensions",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(rows, risks, round_[1]).savefig(folder / "ex18_wide_networks_and_noise.png", dpi=160)
        (folder / "ex18_wide_networks_and_noise.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def spectrum_of(n):
    """Return three directions with the signal, and 20 n others whose variances add up to 4 sqrt n."""
    return ridge.spiked(3, 3.0, 20 * n, 4.0 * float(np.sqrt(n)))


def data(spectrum, n, rng):
    """Return n points, the truth's values there, test points and the truth's values."""
    theta = ridge.explicit(spectrum)[1]
    X, Z = ridge.draw_design(spectrum, n, rng), ridge.draw_design(spectrum, POINTS, rng)
    return X, X @ theta, Z, Z @ theta


def interpolated(n, seed, draws):
    """Return moments of interpolating networks over drawn designs, beside those of linear ridge on the same points."""
    spectrum, rng = spectrum_of(n), np.random.default_rng([seed, n])
    values, theta = ridge.explicit(spectrum)
    equivalent = ridge.kernel_equivalent(spectrum, n, [0.0], 1.0)
    networks, linear = [], []
    for _ in range(draws):
        X, truth, Z, there = data(spectrum, n, rng)
        networks.append(ridge.kernel_moments(FIRST, X, truth, Z, there, [0.0], 1.0).mean())
        linear.append(ridge.conditional_moments(X, theta, values, equivalent.linear_ridges, 1.0))
    floors = ridge.moment_floors(spectrum, n, equivalent.linear_ridges, 1.0)
    return {"n": n, "d": int(spectrum.dimension), "risk": mean(networks, "risk"), "energy": mean(networks, "energy"),
            "linear": mean(linear, "energy"), "floor": float(floors.energy[0]), "equivalent": equivalent,
            "interpolator": float(ridge.deterministic_equivalent(spectrum, n, [0.0], 1.0).energy[0])}


def mean(found, part):
    """Return the mean of a moment over designs."""
    return float(np.mean([getattr(each, part) for each in found]))


def attacked(seed):
    """Return risks under attack of one network on 100 data in 1003 dimensions, for each ridge and radius."""
    spectrum, rng = ridge.spiked(3, 3.0, 1000, 40.0), np.random.default_rng([seed, 4])
    X, truth, Z, there = data(spectrum, 100, rng)
    y = truth + rng.normal(size=100)
    found = {}
    for penalty in PENALTIES:
        model = ridge.fit_kernel_ridge(FIRST, X, y, penalty)
        for radius in RADII:
            found[penalty, radius] = ridge.kernel_risks(model, Z, there, radius)
    return found


def circle(n, seed):
    """Return fits of noisy values of the cosine at n angles, without and with ridge, and their mean squared slopes."""
    rng = np.random.default_rng([seed, n])
    angles = rng.uniform(0.0, 2.0 * np.pi, n)
    X, grid = points(angles), points(np.linspace(0.0, 2.0 * np.pi, 721)[:-1])
    y = X[:, 0] + CIRCLE_NOISE * rng.normal(size=n)
    moments = ridge.kernel_moments(BOTH, X, X[:, 0], grid, grid[:, 0], [0.0, CIRCLE_RIDGE], CIRCLE_NOISE**2).mean()
    return {"n": n, "angles": angles, "y": y, "moments": moments,
            "fits": [ridge.fit_kernel_ridge(BOTH, X, y, penalty) for penalty in (0.0, CIRCLE_RIDGE)]}


def points(angles):
    """Return points of the unit circle."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def finite(width, seed):
    """Return how far slopes of a finite network are from those of its limit: between jumps, and over a distance."""
    rng = np.random.default_rng(seed)
    X, Z, c = rng.normal(size=(20, 3)), rng.normal(size=(8, 3)), np.tile(rng.normal(size=8), (20, 1))
    features = tangent.GateFeatures.drawn(3, width, rng=seed + 1)
    limit, gates = FIRST.gradient(X, Z, c), FIRST.gate_gradient(X, Z, c)
    between, along = features.gradient(X, Z, c), features.secants(X, Z, c, step=0.1)
    return {"width": width, "between": off(between, limit), "gates": off(between, gates), "along": off(along, limit)}


def off(found, known):
    """Return the relative distance of two arrays."""
    return float(np.linalg.norm(found - known) / np.linalg.norm(known))


def sampled(value):
    """Return the bracket of a number that was measured."""
    return con.Bracket(float(value), float(value), con.evidence.Evidence.SAMPLED)


def checks(rows, risks, round_, jumps):
    """Return whether slopes grow while risk falls, as the linear equivalent says, and attacks stay below bounds."""
    judge, first, last = con.evidence.judge, rows[0], rows[-1]
    above = sum(int((found.attacked > found.upper).sum()) for found in risks.values())
    ratio = max(abs(row["energy"] / row["linear"] - 1.0) for row in rows)
    widest = round_[-1]["moments"].energy
    return (
        judge(f"risk at n = {last['n']} over n = {first['n']}", sampled(last["risk"] / first["risk"]), "<=", 0.6),
        judge("squared slope, the same ratio", sampled(last["energy"] / first["energy"]), ">=", 1.4),
        judge("squared slope over that of linear ridge on the same points, off by", sampled(ratio), "<=", 0.03),
        judge("attacks that found more than the upper bound", con.evidence.exactly(above), "==", 0.0),
        judge(f"circle, n = {CIRCLE[-1]}: squared slope without ridge over that with", sampled(widest[0] / widest[1]),
              ">=", 100.0),
        judge(f"finite network, width {WIDTHS[-1]}: slope between jumps, off from the limit's by",
              sampled(jumps[-1]["between"]), ">=", 0.1),
        judge("the same, over a distance of 0.2", sampled(jumps[-1]["along"]), "<=", 0.1),
    )


def growth(rows):
    """Return the table of networks by size."""
    lines = [(row["n"], row["d"], row["equivalent"].strength, row["risk"], float(row["equivalent"].moments.risk[0]),
              row["energy"], row["linear"], float(row["equivalent"].linear.energy[0]), row["floor"],
              row["interpolator"]) for row in rows]
    columns = ("n", "dimensions", "strength", "risk", "equivalent", "squared slope", "linear, same data", "equivalent",
               "floor", "linear interpolation")
    return con.evidence.Table("Interpolating networks, squared slope of the truth 1", columns, tuple(lines),
                              "strength: n tr(Sigma^2) / (tr Sigma)^2, relied on up to 1.32")


def risk_table(risks):
    """Return the table of risks under attack."""
    lines = [(penalty, radius, found.clean.mean(), found.one_step.mean(), found.attacked.mean(),
              found.linearized.mean(), found.by_norm.mean(), found.by_slope.mean(), radius**2)
             for (penalty, radius), found in risks.items() if radius >= 0.25 or radius == 0.0]
    columns = ("ridge", "radius", "clean", "one step", "attack", "guess", "at most, by norm", "by slopes", "truth")
    return con.evidence.Table("Risk under attack, n = 100, 1003 dimensions", columns, tuple(lines))


def circle_table(round_):
    """Return the table of fits on the circle."""
    lines = [(row["n"], *row["moments"].energy, *row["moments"].risk) for row in round_]
    columns = ("n", "squared slope, no ridge", f"ridge {CIRCLE_RIDGE}", "risk, no ridge", f"ridge {CIRCLE_RIDGE}")
    return con.evidence.Table("On a circle", columns, tuple(lines), "means over the noise and all angles")


def jump_table(jumps):
    """Return the table of finite networks."""
    lines = [(row["width"], row["between"], row["gates"], row["along"]) for row in jumps]
    columns = ("width", "between jumps, from the limit's", "from the gates' part of it", "over a distance of 0.2")
    return con.evidence.Table("Slopes of finite networks, first layer trained: relative distance", columns,
                              tuple(lines))


def draw(rows, risks, fitted):
    """Return the figure: growth with the data, risk against the radius, and a circle with and without ridge."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(1, 3, figsize=(16, 5.2), layout="constrained", width_ratios=[1, 1, 1.1])
        draw_growth(rows, axes[0])
        draw_risks(risks, axes[1])
        draw_circle(fitted, axes[2])
        for panel in axes:
            panel.spines[["top", "right"]].set_visible(False)
    return figure


def draw_growth(rows, axes):
    """Draw squared slope and risk against n, with equivalents, floor and truth."""
    n = np.array([row["n"] for row in rows])
    axes.plot(n, [row["energy"] for row in rows], "o", color=VERMILION, ms=9, label="squared slope")
    axes.plot(n, [row["equivalent"].linear.energy[0] for row in rows], color=VERMILION, lw=1.8, label="its equivalent")
    axes.plot(n, [row["floor"] for row in rows], color=VERMILION, lw=1.4, ls="--", label="its floor")
    axes.plot(n, [row["interpolator"] for row in rows], color=BLACK, lw=1.4, ls=":", label="linear interpolation")
    axes.axhline(1.0, color=BLACK, lw=1.2, ls="-.")
    axes.annotate("truth", (n[-1], 0.97), ha="right", va="top", fontsize=11.5)
    axes.plot(n, [row["risk"] for row in rows], "s", color=BLUE, ms=8, label="risk")
    axes.plot(n, [row["equivalent"].moments.risk[0] for row in rows], color=BLUE, lw=1.8, label="its equivalent")
    axes.set(xscale="log", yscale="log", xlabel="n, data (log scale)", ylabel="mean over test points (log scale)",
             ylim=(0.05, 20))
    axes.set_xticks(n, [str(each) for each in n])
    axes.minorticks_off()
    axes.set_title("no ridge: risk falls, slopes grow", fontsize=13)
    axes.legend(loc="upper left", fontsize=11, ncols=2)


def draw_risks(risks, axes):
    """Draw risk under attack between attack and bound, for both ridges."""
    for penalty, color in zip(PENALTIES, (VERMILION, GREEN), strict=True):
        low, guess, high = ([getattr(risks[penalty, radius], part).mean() for radius in RADII]
                            for part in ("attacked", "linearized", "upper"))
        axes.fill_between(RADII, low, high, color=color, alpha=0.15, lw=0)
        axes.plot(RADII, low, "o-", color=color, lw=2.4, ms=6, label=f"attack, ridge {penalty:g}")
        axes.plot(RADII, guess, color=BLACK, lw=1.2, ls=":", label="slope times radius" if penalty == 0.0 else None)
        axes.plot(RADII, high, color=color, lw=1.4, ls="--", label="at most")
    radius = np.linspace(0.1, RADII[-1], 50)
    axes.plot(radius, radius**2, color=BLACK, lw=1.2, ls="-.", label="truth")
    axes.set(yscale="log", ylim=(0.05, 1000), xlim=(0, RADII[-1]), xlabel=r"$\ell_2$ radius",
             ylabel="risk under attack (log scale)")
    axes.set_title("attacked: n = 100, d = 1003", fontsize=13)
    axes.legend(loc="upper left", fontsize=11, ncols=2)


def draw_circle(fitted, axes):
    """Draw fits on the circle without and with ridge."""
    angles = np.linspace(0.0, 2.0 * np.pi, 1441)
    for model, color, text, width in zip(fitted["fits"], (VERMILION, GREEN), ("no ridge", f"ridge {CIRCLE_RIDGE}"),
                                         (1.4, 2.6), strict=True):
        slope = np.sqrt((model.gradient(points(angles)) ** 2).sum(axis=1).mean())
        axes.plot(angles, model(points(angles)), color=color, lw=width, label=f"{text}: slope {slope:.2g}")
    axes.plot(angles, np.cos(angles), color=BLACK, lw=1.2, ls="-.", label="truth: slope 1")
    axes.plot(fitted["angles"], fitted["y"], "o", color=BLUE, ms=5, label=f"{fitted['n']} noisy values")
    axes.set(xlabel="angle (radians)", ylabel="f", xlim=(0, 2 * np.pi), ylim=(-2.2, 3.4))
    axes.set_title("on a circle: not benign, and healed", fontsize=13)
    axes.legend(loc="upper center", fontsize=11, ncols=2)


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))

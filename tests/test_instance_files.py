"""Instances as files: what a stranger reads there is true, and another verifier agrees."""

from __future__ import annotations

import csv
import multiprocessing
import queue
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from constructive.cli import main
from constructive.instances import Instance, Written, write_instances
from constructive.interop import as_network
from constructive.interop.vnnlib import Comparison


def table(path: Path) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    """Return the folder of the default suite, and what was written."""
    pytest.importorskip("onnx")
    home = tmp_path_factory.mktemp("suite")
    return home, write_instances(home)


def truths(home: Path) -> list[dict[str, str]]:
    names, *rows = table(home / "truth.csv")
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_the_files_say_what_the_instances_say(files: tuple[Path, Written]) -> None:
    for home, chosen in ((files[0], files[1].main), (files[0] / "edge", files[1].edge)):
        listed = table(home / "instances.csv")
        for entry, truth, one in zip(listed, truths(home), chosen, strict=True):
            assert entry == [truth["onnx"], truth["vnnlib"], "60"]
            assert (truth["answer"], Fraction(truth["margin"])) == (one.answer, one.margin)
            assert Fraction(truth["robust_radius"]) == one.robust_radius
            assert (one.margin >= Fraction(1, 1000)) == (home == files[0])
            assert read_box(home / truth["vnnlib"]) == (one.asked.lower.tolist(), one.asked.upper.tolist())


def test_a_stranger_finds_every_shipped_counterexample_wrong_by_its_margin(files: tuple[Path, Written]) -> None:
    """From the files alone, in exact arithmetic: in the box without tolerance, and behind by exactly the margin."""
    count = 0
    for home in (files[0], files[0] / "edge"):
        for truth in truths(home):
            f = as_network(home / truth["onnx"])
            assert f.dtype == np.float32
            assert (truth["answer"] == "sat") == (Fraction(truth["radius"]) >= Fraction(truth["robust_radius"]))
            if truth["answer"] == "sat":
                x = [float(v) for v in truth["witness"].split()]
                lower, upper = read_box(home / truth["vnnlib"])
                assert all(low <= v <= high for low, v, high in zip(lower, x, upper, strict=True))
                values, label = list(f.exact(x)), int(truth["label"])
                own = label * values[0] if f.outputs == 1 else values.pop(label) - max(values)
                assert own == -Fraction(truth["margin"]) <= 0
                count += 1
    assert count > 120


def test_at_least_half_of_the_listed_unsat_instances_defeat_intervals_and_backward_bounds(
        files: tuple[Path, Written]) -> None:
    unsat = [truth for truth in truths(files[0]) if truth["answer"] == "unsat"]
    open_ = [truth for truth in unsat if float(truth["interval_bound"]) <= 0 and float(truth["backward_bound"]) <= 0]
    assert [truth for truth in unsat if truth["interval_proves"] == truth["backward_proves"] == "no"] == open_
    assert 2 * len(open_) >= len(unsat) > 100


def read_box(path: Path) -> tuple[list[float], list[float]]:
    words = [line.strip("()").replace("(", "").split() for line in path.read_text().splitlines() if " X_" in line]
    bounds = [words[k] for k in range(len(words)) if words[k][0] == "assert"]
    return [float(w[3]) for w in bounds if w[1] == ">="], [float(w[3]) for w in bounds if w[1] == "<="]


def test_the_standard_reader_takes_every_property(files: tuple[Path, Written]) -> None:
    vnnlib = pytest.importorskip("vnnlib")
    from vnnlib.compat import transform
    home, written = files
    for truth, one in zip(truths(home), written.main, strict=True):
        [case] = transform(vnnlib.parse_query_file(str(home / "vnnlib2" / f"{truth['name']}.vnnlib")))
        assert case.input_box == list(zip(one.asked.lower.tolist(), one.asked.upper.tolist(), strict=True))
        assert len(case.output_constraints) == len(one.asked.wrong)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_instances(tmp_path / name, seed=seed, largest=2)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 50
    assert all((tmp_path / "a" / one).read_bytes() == (tmp_path / "b" / one).read_bytes() for one in files)
    assert (tmp_path / "a" / "truth.csv").read_bytes() != (tmp_path / "c" / "truth.csv").read_bytes()


def test_networks_beyond_the_limit_are_left_out_and_counted(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    everything = write_instances(tmp_path / "a", largest=2)
    some = write_instances(tmp_path / "b", largest=2, limit=200)
    assert some.left_out == len(everything.main) + len(everything.edge) - len(some.main) - len(some.edge) > 0
    assert max(one.network.size.parameters for one in some.main) <= 200
    assert "left out for their size" in str(some)


def test_the_command_writes_a_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    assert main(["instances", str(tmp_path / "suite"), "--largest", "2", "--seed", "1"]) == 0
    assert "instances, " in capsys.readouterr().out
    assert (tmp_path / "suite" / "instances.csv").exists()
    assert main(["instances", str(tmp_path / "suite"), "--largest", "1"]) == 64


# -- another verifier -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_marabou_agrees_wherever_it_decides(tmp_path: Path) -> None:
    """50 instances with margins of at least 1/1000, 25 of each answer: the true answer or a timeout."""
    pytest.importorskip("maraboupy")
    written = write_instances(tmp_path, largest=6)
    paths = [tmp_path / row[1] for row in table(tmp_path / "truth.csv")[1:]]
    order = sorted(range(len(paths)), key=lambda k: written.main[k].network.size.units)
    chosen = [k for answer in ("sat", "unsat") for k in [k for k in order if written.main[k].answer == answer][:25]]
    assert len(chosen) == 50
    decided = {"sat": 0, "unsat": 0}
    for k in chosen:
        one = written.main[k]
        found = [answer_of_marabou(paths[k], one, part)[0] for part in one.asked.wrong]
        answer = "sat" if "sat" in found else "timeout" if "timeout" in found else "unsat"
        assert answer in (one.answer, "timeout"), f"{paths[k].stem}: {found}"
        decided[one.answer] += answer != "timeout"
    assert decided["sat"] >= 20
    assert decided["unsat"] >= 10


@pytest.mark.slow
def test_marabous_counterexamples_at_the_edge_to_what_is_true_do_not_survive_exact_evaluation(tmp_path: Path) -> None:
    """At small margins Marabou's tolerances let it claim counterexamples where none is; each is looked at exactly."""
    pytest.importorskip("maraboupy")
    written = write_instances(tmp_path, largest=6)
    paths = [tmp_path / "edge" / row[1] for row in table(tmp_path / "edge" / "truth.csv")[1:]]
    order = sorted(range(len(paths)), key=lambda k: written.edge[k].network.size.units)
    for answer in ("unsat", "sat"):
        for k in [k for k in order if written.edge[k].answer == answer][:12]:
            one = written.edge[k]
            claimed, x = answer_of_marabou(paths[k], one, one.asked.wrong[0])
            if one.answer == "sat":
                assert claimed in ("sat", "timeout")
            elif claimed == "sat":
                assert not one.asked.violated(x, one.network.exact(x))


def answer_of_marabou(path: Path, one: Instance, part: tuple[Comparison, ...]) -> tuple[str, list[float]]:
    """Return "sat" with a point, "unsat" or "timeout", from a process of its own: Marabou does not keep its time."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    asked = [(entry.output, entry.sign, entry.other) for entry in part]
    arguments = (answers, str(path), one.asked.lower.tolist(), one.asked.upper.tolist(), asked)
    process = context.Process(target=ask_marabou, args=arguments)
    process.start()
    try:
        answer, x = answers.get(timeout=15)
    except queue.Empty:
        answer, x = "timeout", []
    process.kill()
    process.join()
    return {"TIMEOUT": "timeout"}.get(answer, answer), x


def ask_marabou(answers: Any, path: str, lower: list[float], upper: list[float], asked: list[Any]) -> None:
    from maraboupy import Marabou
    network = Marabou.read_onnx(path)
    inputs, outputs = network.inputVars[0].reshape(-1), network.outputVars[0].reshape(-1)
    for variable, low, high in zip(inputs, lower, upper, strict=True):
        network.setLowerBound(variable, low)
        network.setUpperBound(variable, high)
    for output, sign, other in asked:
        factor = 1.0 if sign == "<=" else -1.0
        if isinstance(other, int):
            network.addInequality([outputs[output], outputs[other]], [factor, -factor], 0.0)
        else:
            network.addInequality([outputs[output]], [factor], factor * other)
    options = Marabou.createOptions(verbosity=0, timeoutInSeconds=8)
    answer, values, _ = network.solve(verbose=False, options=options)
    answers.put((str(answer), [values[variable] for variable in inputs] if answer == "sat" else []))

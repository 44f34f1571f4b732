"""The command line: exit codes, JSON alone on stdout, clear messages, tables from files."""

import csv
import json

import numpy as np
import pytest

from constructive import cli
from constructive.evidence import Bracket, Report, judge


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(4)
    X = rng.random((60, 3))
    rows = [[*map(repr, x.tolist()), "note", "yes" if x[0] > 0.5 else "no"] for x in X]
    return write(tmp_path / "table.csv", ["a", "b", "c", "remark", "label"], rows)


def test_a_table_is_memorized_certified_and_saved(table, tmp_path, capsys):
    assert cli.main(["memorize", table, "--label", "label", "--radius", "auto", "--out", str(tmp_path / "o")]) == 0
    printed = capsys.readouterr().out
    for words in ("CONFIRMED", "columns left out, not numeric: remark", "2 classes", "scaled to [0, 1]", "1-nearest"):
        assert words in printed
    assert sorted(p.suffix for p in (tmp_path / "o").iterdir()) == [".json", ".npz", ".txt"]


def test_real_labels_are_inferred_and_memorized(tmp_path, capsys):
    rng = np.random.default_rng(5)
    rows = [[*map(repr, x.tolist()), repr(float(x.sum()))] for x in rng.random((30, 2))]
    path = write(tmp_path / "values.csv", ["a", "b", "y"], rows)
    assert cli.main(["memorize", path, "--label", "y"]) == 0
    assert "regression" in capsys.readouterr().out


@pytest.mark.parametrize(("extra", "words"), [
    (["--label", "colour"], "colour"), (["--label", "label", "--radius", "9"], "apart"),
    (["--label", "label", "--radius", "x"], "radius"), (["--label", "label", "--teacher", "oracle"], "teacher"),
    (["--label", "label", "--radius", "-1"], "radius"), ([], "label")])
def test_bad_input_exits_64_with_one_clear_line(table, extra, words, capsys):
    assert cli.main(["memorize", table, *extra]) == 64
    captured = capsys.readouterr()
    assert words in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("text", ["", "a,label\n", "a,label\n1\n", "a,label\nx,1\n", "a,label\n1,\n2,1\n",
                                  "a,label\nnan,1\n2,1\n"])
def test_broken_files_exit_64(tmp_path, text, capsys):
    path = tmp_path / "broken.csv"
    path.write_text(text)
    assert cli.main(["memorize", str(path), "--label", "label"]) == 64
    assert "memorize" in capsys.readouterr().err


def test_conflicting_duplicates_exit_64_and_are_named(tmp_path, capsys):
    path = write(tmp_path / "twice.csv", ["a", "label"], [["1", "x"], ["1", "y"], ["2", "x"]])
    assert cli.main(["memorize", path, "--label", "label", "--radius", "0", "--test-fraction", "0"]) == 64
    assert "same point" in capsys.readouterr().err


def test_verify_prints_json_alone(capsys):
    assert cli.main(["verify", "square-gate", "--json", "--seed", "3", "--levels", "4"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["seed"] == 3
    assert data["reports"][0]["verdict"] == "confirmed"
    assert data["faults"]["planted"] == data["faults"]["caught"] > 0


@pytest.mark.parametrize(("bracket", "code"), [(Bracket(0, 0), 0), (Bracket(1, 1), 1), (Bracket(0, 1), 2)])
def test_the_exit_code_is_the_verdict(bracket, code, monkeypatch):
    report = Report("fabricated", (judge("c", bracket, "==", 0.0),))
    monkeypatch.setattr("constructive.verification.verify", lambda *_, **__: report)
    assert cli.main(["verify", "square-gate"]) == code


@pytest.mark.parametrize("arguments", [["verify"], ["verify", "square-gate", "--all"], ["verify", "nothing"],
                                       ["verify", "square-gate", "--unknown", "3"],
                                       ["verify", "square-gate", "--d", "x"], ["demo", "ex99"],
                                       ["nonsense"], ["check"]])
def test_wrong_usage_exits_64(arguments, capsys):
    assert cli.main(arguments) == 64
    assert capsys.readouterr().err


def test_demos_and_theorems_are_listed(capsys):
    assert cli.main(["demo", "--list"]) == 0
    assert "ex01_wrong_labels" in capsys.readouterr().out
    assert cli.main(["theorems"]) == 0
    assert "robust-memorization" in capsys.readouterr().out


def test_help_opens_with_the_verbs(capsys):
    assert cli.main(["--help"]) == 0
    assert "Demo, memorize, verify" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "iris"])
def test_public_tables_are_certified_at_95_percent_of_the_largest_radius(name, tmp_path, capsys):
    datasets = pytest.importorskip("sklearn.datasets")
    data = getattr(datasets, f"load_{name}")()
    rows = [[*map(repr, x.tolist()), data.target_names[y]] for x, y in zip(data.data, data.target, strict=True)]
    path = write(tmp_path / f"{name}.csv", [*data.feature_names, "label"], rows)
    assert cli.main(["memorize", path, "--label", "label", "--radius", "auto"]) == 0
    line = next(row for row in capsys.readouterr().out.splitlines() if row.startswith("robust training error"))
    assert line.split() == ["robust", "training", "error", "==", "0", "0", "ENCLOSED", "CONFIRMED", "1"]

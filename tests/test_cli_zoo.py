"""The command ``zoo``: all memorizers of a table, as text and as JSON alone, and clear refusals."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from constructive import cli


@pytest.fixture
def file(tmp_path: Path) -> str:
    rng = np.random.default_rng(4)
    path = tmp_path / "few.csv"
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["a", "b", "remark", "label"])
        for x in rng.integers(0, 256, (12, 2)) / 256:
            writer.writerow([*map(repr, x.tolist()), "note", "yes" if rng.random() < 0.5 else "no"])
    return str(path)


def test_the_table_is_printed_with_its_bounds(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["zoo", file, "--draws", "20"]) == 0
    printed = capsys.readouterr().out
    for words in ("Memorizers of few", "nearest neighbor", "look-up, s = 1", "What nobody can beat", "12 data in R^2",
                  "columns left out, not numeric: remark", "scaled to [0, 1]", "CONFIRMED", "seed 0"):
        assert words in printed


def test_json_alone_is_printed(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["zoo", file, "--draws", "5", "--budget", "1", "--json", "--seed", "3", "--no-scale"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["seed"] == 3
    members, bounds = data["reports"][0]["tables"]
    assert len(members["rows"]) == len(bounds["rows"]) >= 16
    assert members["columns"][:2] == ["member", "nonzeros"]


@pytest.mark.parametrize(("arguments", "words"), [
    (["--label", "colour"], "no column 'colour'"), (["--label", "a"], "real values"), (["--radius", "9"], "apart"),
    (["--share", "1"], "share"), (["--draws", "0"], "draws")])
def test_wrong_usage_exits_64_with_one_clear_line(file: str, arguments: list[str], words: str,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["zoo", file, *arguments]) == 64
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_a_terminal_gets_lines_round_the_same_numbers(file: str, capsys: pytest.CaptureFixture[str],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "Console", lambda: Console(force_terminal=True, width=200, color_system=None))
    assert cli.main(["zoo", file, "--draws", "5", "--budget", "1"]) == 0
    printed = capsys.readouterr().out
    assert "│" in printed
    assert "plateaus" in printed

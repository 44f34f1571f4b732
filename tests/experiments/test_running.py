"""Cells run in any order on any number of workers, are found again, and are never taken for something else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from constructive.experiments import ledger, run_cells
from constructive.experiments import storage as storage_module
from constructive.experiments.running import cell_stream, seed_of
from constructive.experiments.storage import Store, canonical

CELLS = [{"n": n, "replicate": k} for n in (3, 5) for k in range(2)]
NAME = "sums"


def sums(cell, rng):
    return {"sum": float(rng.random(cell["n"]).sum()), "n": cell["n"]}


def forbidden(cell, rng):
    raise AssertionError(f"{cell} was finished and ran again")


def run(measure=sums, *, cells=None, parameters=None, seed=1, store=None, **more):
    return run_cells(measure, CELLS if cells is None else cells, name=NAME, parameters=parameters or {"scale": 1.0},
                     seed=seed, store=store, **more)


def test_results_come_in_the_order_of_the_cells() -> None:
    assert [result["n"] for result in run()] == [3, 3, 5, 5]


def test_a_cell_draws_the_same_whatever_else_is_in_the_list() -> None:
    assert run(cells=CELLS[::-1]) == run()[::-1]
    assert run(cells=CELLS[2:3]) == run()[2:3]


def test_cells_and_seeds_have_streams_of_their_own() -> None:
    firsts = [cell_stream(NAME, seed, cell).random() for seed in (0, 1) for cell in CELLS]
    firsts.append(cell_stream("other", 0, CELLS[0]).random())
    assert len(set(firsts)) == 9


def test_finished_cells_are_read_and_not_run_again(tmp_path: Path) -> None:
    fresh = run(store=tmp_path)
    assert run(forbidden, store=tmp_path) == fresh == run()


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    ran = []

    def breaking(cell, rng):
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(cell)
        return sums(cell, rng)

    with pytest.raises(KeyboardInterrupt):
        run(breaking, store=tmp_path)
    assert ran == CELLS[:2]

    def rest(cell, rng):
        ran.append(cell)
        return sums(cell, rng)

    assert run(rest, store=tmp_path) == run()
    assert ran == CELLS


def test_a_longer_list_runs_only_what_is_new(tmp_path: Path) -> None:
    run(cells=CELLS[:3], store=tmp_path)
    ran = []

    def counted(cell, rng):
        ran.append(cell)
        return sums(cell, rng)

    assert run(counted, store=tmp_path) == run()
    assert ran == CELLS[3:]


@pytest.mark.parametrize("change", [{"seed": 2}, {"parameters": {"scale": 1.0000000000000002}},
                                    {"parameters": {"scale": 1.0, "more": 0}}])
def test_a_changed_seed_or_parameter_is_never_served_an_old_result(tmp_path: Path, change: dict) -> None:
    run(store=tmp_path)
    with pytest.raises(AssertionError, match="ran again"):
        run(forbidden, store=tmp_path, **change)


@pytest.mark.parametrize("package", ["constructive", "numpy", "scipy", "numba", "python"])
def test_another_version_is_never_served_an_old_result(tmp_path: Path, package: str,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    run(store=tmp_path)
    changed = storage_module.versions() | {package: "0.0.dev1"}
    monkeypatch.setattr(storage_module, "versions", lambda: changed)
    with pytest.raises(AssertionError, match="ran again"):
        run(forbidden, store=tmp_path)


def test_another_experiment_in_the_same_folder_keeps_its_own_file(tmp_path: Path) -> None:
    run(store=tmp_path)
    run_cells(sums, CELLS, name="others", parameters={"scale": 1.0}, seed=1, store=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["others.jsonl", "sums.jsonl"]


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_line_torn_by_an_interruption_is_run_again_and_harms_no_other(tmp_path: Path, cut: int) -> None:
    fresh = run(store=tmp_path)
    path = tmp_path / f"{NAME}.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert run(store=tmp_path) == fresh
    assert run(forbidden, store=tmp_path) == fresh


def test_a_line_that_is_no_result_counts_as_not_there(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.jsonl"
    path.write_text('[1, 2]\n"word"\n{"key": "k"}\n{"key": "k2", "result": {"sum": 0.5}}\n')
    assert Store(tmp_path, NAME).found == {"k2": {"sum": 0.5}}


def test_every_stored_line_tells_its_cell(tmp_path: Path) -> None:
    run(store=tmp_path)
    lines = (tmp_path / f"{NAME}.jsonl").read_text().splitlines()
    told = [json.loads(line)["cell"] for line in lines]
    assert sorted(told, key=canonical) == sorted(CELLS, key=canonical)


def test_two_workers_and_one_return_the_same_report() -> None:
    def rows(jobs):
        return ledger([16, 32], orders=[1], dims=[1, 2], rng=5, n_jobs=jobs).tables[0].rows
    assert rows(2) == rows(1)


def test_progress_is_shown_on_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    run(progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert NAME in shown.err


def test_nothing_is_printed_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    assert capsys.readouterr() == ("", "")


def test_a_generator_stands_for_a_seed_drawn_from_it() -> None:
    assert seed_of(np.random.default_rng(3), "ledger") == seed_of(np.random.default_rng(3), "ledger") >= 0


@pytest.mark.parametrize(("rng", "error"), [(True, TypeError), (0.5, TypeError), (None, TypeError), (-1, ValueError)])
def test_what_is_no_seed_is_refused(rng: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="ledger: rng"):
        seed_of(rng, "ledger")  # type: ignore[arg-type]

"""The benchmark's own arithmetic and command line; nothing here looks at how long anything takes."""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import against, backends, measure, memory, names, picture, table, throughput, workload
from benchmarks.floors import FLOORS
from benchmarks.workloads import WORKLOADS

SMALL = (
    "mul_8x8_recorded",
    "chain_10",
    "mlp_tiny",
    "mlp_tiny_twice",
    "views_8x8",
    "inplace_view_8x8",
    "rnn_10",
    "bmm_small",
    "elementwise_1e3",
)


@pytest.fixture(scope="module")
def both():
    return backends.load(["torch", "engine"])


@pytest.mark.parametrize("name", SMALL)
def test_both_sides_do_the_same_work(name, both):
    made = measure.prepared(WORKLOADS[name], both)
    assert set(made) == {"torch", "engine"}
    assert made["engine"].results()


@pytest.mark.parametrize("name", [*SMALL, "sum_8x8", "fan_out_in_100", "matmul_64", "linear", "mlp_step", "gather", "sort_1d", "cat"])
def test_numpy_alone_gives_pytorchs_numbers_and_all_of_them(name):
    made = measure.prepared(WORKLOADS[name], backends.load(["torch", "numpy"]))  # raises where they differ
    if name in FLOORS:
        assert made["numpy"].results().keys() == made["torch"].results().keys()


def test_a_few_floors_have_no_mean():
    rows = [{"backends": {"numpy": {"ratio": 0.5}}}, {"backends": {}}]
    assert table.geomean(rows, "numpy") is None
    assert table.geomean(rows[:1], "numpy") == 0.5


def test_different_numbers_are_refused():
    truth = {"gradient 0": np.ones(3)}
    measure.refuse_other_numbers("w", "engine", {"gradient 0": np.ones(3) * 1.0001}, truth)
    for wrong in (np.array([1, 1, 2.0]), np.ones((3, 1)), np.array([1, 1, np.nan])):
        with pytest.raises(measure.Disagreement, match="w: the gradient 0 of engine"):
            measure.refuse_other_numbers("w", "engine", {"gradient 0": wrong}, truth)


def test_results_that_are_not_finite_compare_nothing_and_are_refused():
    with pytest.raises(measure.Disagreement):
        measure.refuse_other_numbers("w", "engine", {"result": np.array(np.inf)}, {"result": np.array(np.inf)})


def test_what_a_backend_lacks_is_left_out(both):
    def prepare(backend):
        if backend.name == "engine":
            raise names.Inexpressible("nothing")
        return workload.Prepared(lambda: None, dict)

    assert set(measure.prepared(workload.Workload("w", "g", "t", prepare), both)) == {"torch"}
    assert set(measure.prepared(workload.Workload("w", "g", "t", prepare, needs="no.such.name"), both)) == set()


def test_every_backend_is_timed_in_every_round_and_none_always_first():
    called, ticks = [], itertools.count()
    works = {"a": lambda: called.append("a"), "b": lambda: called.append("b")}
    made = measure.times(works, lambda: next(ticks), budget=0)
    assert {len(values) for values in made.values()} == {measure.ROUNDS[0]}
    assert called[-24:] == list("aabbbbaa") * 3  # once before each timing


@pytest.mark.parametrize(("n", "low", "high"), [(6, 0, 5), (9, 1, 7), (25, 7, 17)])
def test_the_interval_of_the_median_has_the_published_order_statistics(n, low, high):
    assert measure.interval(list(range(n))) == (low, high)


def test_ratios_are_of_the_same_round():
    made = measure.row(WORKLOADS["chain_10"], {"torch": [1.0, 2.0, 4.0] * 3, "engine": [0.5, 1.0, 2.0] * 3})
    assert made["backends"]["engine"]["ratio"] == 0.5
    assert made["backends"]["engine"]["interval"] == [0.5, 0.5]
    assert made["backends"]["torch"]["us"] == 2e6


def test_time_is_counted_once():
    watch = throughput.Stopwatch()
    inner = watch.around("inner", lambda: sum(range(20_000)))
    watch.around("outer", inner)()
    assert set(watch.seconds) == {"inner", "outer"}
    assert watch.seconds["outer"] <= watch.seconds["inner"]


def test_the_suites_time_is_split():
    found = throughput.measured(cells=4, examples=3)
    assert found["comparisons"] > 0
    assert 0.9 < sum(found["shares"].values()) <= 1.001


@pytest.mark.parametrize("backend", ["torch", "engine"])
def test_a_node_takes_memory(backend, monkeypatch):
    monkeypatch.setattr(memory, "NODES", 20_000)
    assert memory.grown(backend, "memory_mul") > 0


@pytest.mark.parametrize("backend", ["torch", "engine"])
def test_a_training_step_takes_memory(backend):
    row = memory.measured(memory.STEP, ["torch", backend])
    assert row["backends"][backend]["bytes"] > 4096 * 256 * 4  # the hidden layer at least


@pytest.mark.parametrize("name", ["chain_100O", "elementwise", "zzz"])
def test_an_unknown_workload_is_one_line_and_2(name, capsys):
    assert command.main([name]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"no workload is called {name}" in err
    assert name == "zzz" or "; nearest: " in err


@pytest.mark.parametrize("threads", ["0", "many", "-1"])
def test_a_number_of_threads_that_is_none_is_one_line_and_2(threads, capsys):
    assert command.main([f"--threads={threads}", "chain_10"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_of_one_workload_writes_where_it_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command.os, "environ", {})
    assert command.main(["chain_10", "--only", "engine", "--seconds", "0", "--into", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "one-thread.json").read_text())
    assert [r["name"] for r in found["workloads"]] == ["chain_10"]
    assert "chain_10" in capsys.readouterr().out


def test_the_engine_of_a_commit_is_timed_beside_todays(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command.os, "environ", {})
    shutil.copytree(Path(against.__file__).parents[1] / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "c"], ["tag", "then"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    monkeypatch.setattr(against, "ROOT", tmp_path)
    assert command.main(["chain_10", "--against", "then", "--seconds", "0"]) == 0
    out = capsys.readouterr().out
    assert "now / then" in out and "chain_10" in out and "geometric mean" in out
    assert command.main(["chain_10", "--against", "never"]) == 2
    assert capsys.readouterr().err.startswith("benchmarks: --against never: ")


@pytest.mark.parametrize(("lows", "found"), [((1.01, 1.02), True), ((1.01, 0.99), False), ((0.9, 0.9), False)])
def test_slower_is_what_is_slower_both_times(lows, found):
    row = {"name": "one", "changes": [(1.1, (low, 1.2)) for low in lows], against.BEFORE: 1.0, against.NOW: 1.1}
    assert against.slower(row) == found == ("one" in against.summary([row]))


def test_the_picture_has_every_workload_under_its_group_and_cuts_between_groups():
    rows = [_row("one", "first", 0.5), _row("two", "first", 2.0), _row("three", "second", None), _row("four", "third", 1.0)]
    left, right = picture.halves(rows)
    assert [name for name, _ in left] == ["first", "one", "two"]
    assert [name for name, r in right if r is None] == ["second", "third"]


def test_without_the_drawing_package_the_figures_are_written_and_a_line_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = {"threads": 1, "versions": {"torch": "2"}, "backends": ["torch"], "workloads": [_row("one", "first", None)]}
    assert command.write(found, tmp_path) == [tmp_path / "one-thread.json"]
    assert "no picture" in capsys.readouterr().err


def test_a_column_with_nothing_shows_a_dash():
    shown = table.times([_row("three", "second", None)], ["torch", "engine"], "")
    assert "-" in list(shown.columns[3].cells)[1]


def _row(name, group, ratio):
    one = {"us": 1.0, "quartiles_us": [1.0, 1.0], "rounds": 6}
    columns = {"torch": dict(one)} | ({"engine": {**one, "ratio": ratio, "interval": [ratio * 0.9, ratio * 1.1]}} if ratio else {})
    return {"name": name, "group": group, "text": name, "backends": columns}

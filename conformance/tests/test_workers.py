"""Workers that hang, die or grow: the cell says so, and every other cell still has its result."""

import json
import os

import pytest

from conformance import workers
from conformance.workers import Job, Pool

FAKE = "conformance.tests.fake"


@pytest.fixture
def behave(monkeypatch):
    return lambda cells: monkeypatch.setenv("FAKE_CELLS", json.dumps(cells))


def kinds(results):
    return {r["op"]: [f["kind"] for f in r["failures"]] for r in results}


def jobs(*ops):
    return [Job(op, "value", examples=2) for op in ops]


def test_a_cell_that_hangs_is_cut_off_and_the_rest_goes_on(behave):
    behave({"abs::value": "sleep60"})
    with Pool(FAKE, 2, limit=1.0) as pool:
        pool.describe()
        results = list(pool.run(jobs("abs", "add.Tensor", "mul.Tensor")))
    assert kinds(results) == {"abs": ["timeout"], "add.Tensor": [], "mul.Tensor": []}


def test_a_cell_that_always_kills_its_worker_is_tried_twice_and_isolated(behave):
    behave({"abs::value": "crash"})
    with Pool(FAKE, 1) as pool:
        pool.describe()
        results = list(pool.run(jobs("abs", "add.Tensor")))
        assert sum(pool.deaths.values()) == workers.DEATHS
    assert kinds(results) == {"abs": ["crash"], "add.Tensor": []}
    (crash,) = results[0]["failures"]
    assert "abs::value" in crash["subject"]  # the dying process named its cell


def test_a_worker_that_was_killed_from_outside_costs_nothing(behave, tmp_path):
    behave({"abs::value": "sleep1"})
    with Pool(FAKE, 1) as pool:
        pool.describe()
        running = pool.run(jobs("add.Tensor", "abs", "mul.Tensor"))
        first = next(running)
        os.kill(pool.workers[0].process.pid, 9)
        results = [first, *running]
    assert kinds(results) == {"add.Tensor": [], "abs": [], "mul.Tensor": []}


def test_a_worker_that_has_grown_is_replaced(behave, monkeypatch):
    behave({})
    monkeypatch.setattr(workers, "RECYCLE", 1)
    with Pool(FAKE, 1) as pool:
        pool.describe()
        before = pool.workers[0].process.pid
        results = list(pool.run(jobs("abs", "add.Tensor")))
        assert pool.workers[0].process.pid != before
    assert kinds(results) == {"abs": [], "add.Tensor": []}

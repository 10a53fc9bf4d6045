"""Workers that hang, die or grow: the cell says so, and every other cell still has its result."""

import json
import os

import pytest

from conformance import workers
from conformance.workers import Job, Pool, Queue, Worker

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


def test_the_cells_of_an_op_go_to_one_worker_and_none_is_lost():
    ops = ["a", "a", "a", "b", "c", "c", *["d"] * 200]
    given = [Job(op, str(i)) for i, op in enumerate(ops)]
    queue, two = Queue(given), [Worker(None, None, ""), Worker(None, None, "")]  # no process is needed
    one, other, one_again, other_again = (queue.next(two[i], two) for i in (0, 1, 0, 1))
    assert [one.op, other.op, one_again.op, other_again.op] == ["a", "b", "a", "c"]
    rest = [queue.next(two[i % 2], two) for i in range(len(ops) - 4)]
    assert sorted(int(job.property) for job in (one, other, one_again, other_again, *rest)) == list(range(len(ops)))
    assert queue.next(two[0], two) is queue.next(two[1], two) is None


def test_the_last_cells_of_an_op_are_shared_where_another_worker_has_nothing_to_do():
    queue, two = Queue([Job("a", str(i)) for i in range(5)]), [Worker(None, None, ""), Worker(None, None, "")]
    assert [queue.next(two[i], two).property for i in (0, 1, 1, 0, 0)] == ["0", "4", "3", "1", "2"]


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

"""The number of threads, and work that several of them share."""

import numpy as np
import pytest

import engine
from engine import threads


@pytest.fixture
def two():
    before = engine.get_num_threads()
    engine.set_num_threads(2)
    yield
    engine.set_num_threads(before)


def test_the_number_is_what_was_set(two):
    assert engine.get_num_threads() == 2
    for wrong in (0, -1, 1.5, "2", True, None):
        with pytest.raises(RuntimeError, match="set_num_threads expects"):
            engine.set_num_threads(wrong)
    assert engine.get_num_threads() == 2


def test_blas_gets_the_same_number(two):
    import threadpoolctl

    assert {found["num_threads"] for found in threadpoolctl.threadpool_info() if found["user_api"] == "blas"} <= {2}


def test_every_piece_is_worked_on_once_and_sees_the_settings_of_the_caller(two):
    done, policies = [], []

    def work(start):
        done.append(start)
        policies.append((np.geterr()["divide"], np.getbufsize()))

    before = np.setbufsize(1024)
    try:
        with np.errstate(divide="raise"):
            threads.each(work, range(0, 100, 10), threads.SHARED)
    finally:
        np.setbufsize(before)
    assert sorted(done) == list(range(0, 100, 10))
    assert set(policies) == {("raise", 1024)}


def test_an_error_of_any_thread_is_raised_when_all_have_ended(two):
    ended = []

    def work(start):
        if start in (3, 4):
            raise ValueError(start)
        ended.append(start)

    for size in (1, threads.SHARED):
        with pytest.raises(ValueError, match=r"3|4"):
            threads.each(work, range(8), size)
    assert {0, 1, 2} <= set(ended)

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


def test_every_start_is_worked_on_once_with_the_settings_of_the_caller(two):
    done, policies = [], []

    def lane(starts):
        done.extend(starts)
        policies.append((np.geterr()["divide"], np.getbufsize()))

    before = np.setbufsize(1024)
    try:
        with np.errstate(divide="raise"):
            threads.share(lane, range(0, 100, 10), threads.lanes(threads.SHARED))
    finally:
        np.setbufsize(before)
    assert sorted(done) == list(range(0, 100, 10))
    assert policies == [("raise", 1024)] * 2


@pytest.mark.parametrize("wrong", [3, 4])
def test_an_error_of_any_thread_is_raised_when_all_have_ended(two, wrong):
    ended = []

    def lane(starts):
        if wrong in starts:
            raise ValueError(wrong)
        ended.extend(starts)

    with pytest.raises(ValueError, match=str(wrong)):
        threads.share(lane, range(8), 2)
    assert ended == [start for start in range(8) if start % 2 != wrong % 2]


def test_shared_work_has_the_same_bits(two):
    x = engine.tensor(np.random.default_rng(1).normal(size=(1025, 1024)).astype(np.float32))  # more than threads.SHARED elements

    def results():
        leaf = x.clone().requires_grad_()
        y = leaf.sigmoid() * leaf.exp() + leaf.tanh() * leaf.softmax(1) - leaf.logsumexp(1, keepdim=True) + leaf.cumsum(1)
        y.backward(x)
        return y.detach().numpy(), leaf.grad.numpy()

    shared = results()
    engine.set_num_threads(1)
    for one, other in zip(shared, results(), strict=True):
        np.testing.assert_array_equal(one, other)

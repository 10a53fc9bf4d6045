"""Transforms of functions nest, keep their variables apart, and leave no graph behind."""

import pytest

import engine as e
from engine import forward, modes
from engine.transforms import running

F = e.func


def test_variables_of_two_levels_are_not_confused():
    assert F.grad(lambda a: a * F.grad(lambda b: a + b)(e.tensor(1.0)))(e.tensor(2.0)).item() == 1


def test_every_order_of_nesting_gives_one_hessian():
    x = e.tensor([0.5, 2.0, -1.0], dtype=e.float64)

    def f(t):
        c = t.clone()
        c[0] = t[1] * t[2]
        return (c.mul_(t).sum() * t).sum().sin()

    wanted = F.jacrev(F.jacrev(f))(x)
    for outer in (F.jacrev, F.jacfwd):
        for inner in (F.jacrev, F.jacfwd):
            assert e.allclose(outer(inner(f))(x), wanted)


def test_the_tangent_of_a_gradient_is_differentiated_where_only_one_factor_has_a_tangent():
    x = e.tensor([0.5, -1.0, 2.0]).requires_grad_()

    def along(a):
        return F.jvp(lambda b: b * b * 2, (a,), (a * 2 + 1,))[1].sum()

    slope = F.grad(along)(x)
    assert slope.tolist() == (16 * x + 4).tolist()
    assert e.autograd.grad(slope, x, e.ones(3))[0].tolist() == [16.0, 16.0, 16.0]


def test_gradients_of_each_sample_are_those_of_the_samples_alone():
    w, x = e.tensor([1.0, 2.0]), e.tensor([[3.0, 4.0], [5.0, -6.0], [0.5, 0.25]])

    def loss(u, a):
        return ((u.sin() * a).sum() - u.prod()) ** 2

    alone = e.stack([F.grad(loss)(w, a) for a in x])
    assert e.allclose(e.vmap(F.grad(loss), (None, 0))(w, x), alone)
    together = F.grad(lambda u: e.vmap(loss, (None, 0))(u, x).sum())(w)
    assert e.allclose(together, alone.sum(0))


def test_a_result_is_detached_unless_something_outside_is_tracked():
    x, w = e.ones(2), e.ones(2, requires_grad=True)
    assert not F.grad(lambda a: (a * a).sum())(x).requires_grad
    assert F.grad(lambda a: (a * a * w).sum())(x).requires_grad
    assert not F.grad(lambda a: (a + w).sum())(x).requires_grad


@pytest.mark.parametrize("transform", [F.grad, e.vmap, lambda f: lambda x: F.jvp(f, (x,), (x,))])
def test_an_error_inside_leaves_nothing_running(transform):
    with pytest.raises(ZeroDivisionError):
        transform(lambda a: 1 / 0)(e.ones(2))
    assert not running()
    assert not forward._levels
    assert modes.current() == modes.GRAD


def test_the_elements_of_a_sample_cannot_be_read_by_accident():
    def read(a):
        with pytest.raises(RuntimeError):
            a._array + 1
        with pytest.raises(RuntimeError):
            a.item()
        return a

    assert e.vmap(read)(e.ones(2)).tolist() == [1, 1]


def test_writes_to_batches_fit_as_whole_batches_and_without_a_rule_need_samples():
    x = e.zeros(2)
    e.vmap(lambda a, b: a.add_(b))(x, e.ones(2, 1))  # a row of one for each number
    assert x.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match=r"^output with shape \[2, 1\] doesn't match the broadcast shape \[2, 3\]$"):
        e.vmap(lambda a: e.vmap(lambda b: a.add_(b))(e.ones(3)))(x)
    with pytest.raises(RuntimeError, match=r"^Batching rule not implemented for aten::lerp_\.Tensor\. The fallback path"):
        e.vmap(lambda a: a.lerp_(a, a))(e.zeros(0))


def test_a_geometry_stays_in_its_sample():
    x = e.arange(6.0).reshape(2, 3)
    assert e.vmap(lambda a: a.as_strided((2,), (2,)))(x).tolist() == [[0, 2], [3, 5]]
    assert e.vmap(F.grad(lambda a: a.as_strided((2,), (1,)).sum()), 1)(x).tolist() == [[1, 0]] * 3  # the second is another sample's
    with pytest.raises(RuntimeError, match=r"^result = tensor.as_strided\(\[4\], \[1\], 0\) can access memory outside of `tensor`"):
        e.vmap(lambda a: a.as_strided((4,), (1,)))(x)

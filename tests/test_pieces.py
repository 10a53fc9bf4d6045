"""What is computed in pieces, or by a shorter way for many elements, is what the plain way gives."""

import numpy as np
import pytest
from scipy import special

import engine
from engine.ops import softmax
from engine.ops.sort import order
from engine.pieces import elementwise
from engine.rows import add_rows


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("scale", [1, 300])
@np.errstate(all="ignore")
def test_softmax_of_many_is_that_of_few(dim, dtype, scale):
    x, g = (np.random.default_rng(s).uniform(-scale, scale, (40, 31, 57)).astype(dtype) for s in (0, 1))
    bound = 64 * np.finfo(dtype).eps
    for name in ("softmax", "log_softmax"):
        many, plain = getattr(softmax, f"many_{name}"), getattr(softmax, f"{name}_kernel")
        y = softmax.many(many, [x], dim)
        right = plain(x, dim, x.dtype)
        np.testing.assert_array_less(np.abs(y - right), bound * max(scale, 1) + bound * np.abs(right))
        back, plain_back = getattr(softmax, f"many_{name}_backward"), getattr(softmax, f"{name}_backward")
        near = np.abs(softmax.many(back, [g, right], dim) - plain_back(g, right, dim, x.dtype))
        np.testing.assert_array_less(near, bound * scale * 57)


@np.errstate(all="ignore")
def test_softmax_of_many_with_infinities():
    x = np.zeros((200, 100), np.float32)
    x[0, 0], x[1, 0], x[2] = np.inf, -np.inf, -np.inf
    made, right = softmax.many(softmax.many_softmax, [x], 1), softmax.softmax_kernel(x, 1, x.dtype)
    np.testing.assert_allclose(made, right, rtol=1e-6)
    assert np.isnan(made[[0, 2]]).any() and made[1, 0] == 0


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_gather_in_pieces(dim):
    x = np.random.default_rng(0).random((70, 60, 50)).astype(np.float32)
    index = np.random.default_rng(1).integers(0, x.shape[dim], (60, 55, 45))
    shape = tuple(n if d == dim else m for d, (n, m) in enumerate(zip(x.shape, index.shape, strict=True)))
    made = engine.gather(engine.from_numpy(x), dim, engine.from_numpy(index)).numpy()
    assert (made == np.take_along_axis(x[tuple(map(slice, shape))], index, dim)).all()


def test_a_place_outside_of_a_later_piece_is_refused():
    x, index = engine.zeros(1000, 100), np.zeros((1000, 100), np.int64)
    index[777, 3] = 100
    with pytest.raises(RuntimeError, match="index 100 is out of bounds for dimension 1 with size 100"):
        engine.gather(x, 1, engine.from_numpy(index))


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "i4", "i8"])
@pytest.mark.parametrize("width", [1, 3])
def test_rows_are_added_in_order(dtype, width):
    rng = np.random.default_rng(0)
    rows = (rng.random((500, width)) * 100).astype(dtype)
    places = rng.integers(0, 7, 500)
    made, right = np.ones((7, width), dtype), np.ones((7, width), dtype)
    add_rows(made, places, rows)
    np.add.at(right, places, rows)
    assert made.tobytes() == right.tobytes()


def test_elementwise_keeps_the_layout():
    base = np.random.default_rng(0).random((300, 7, 90))
    for x in (
        base,
        base.T,
        base[:, ::2],
        base.transpose(1, 0, 2)[::-1],
        base[0, 0, 0, ...],
        base[:0],
        np.broadcast_to(base[:, :1], base.shape),
        base[::-1],
    ):
        made = elementwise(lambda part, out: np.sqrt(part, out=out), x)
        assert made.strides == np.sqrt(x, out=np.empty_like(x)).strides
        assert (made == np.sqrt(x)).all()


def test_erf_within_three_units_of_the_last_place():
    x = np.concatenate([np.linspace(-5, 5, 200_001), np.logspace(-44, 1, 50_001)]).astype(np.float32)
    x = np.concatenate([x, np.float32([0.0, -0.0, np.inf, -np.inf, np.nan])])
    made, right = engine.erf(engine.from_numpy(x)).numpy(), special.erf(x.astype(np.float64))
    near = np.abs(made[:-5] - right[:-5]) / np.spacing(np.abs(right[:-5]).astype(np.float32))
    assert near.max() < 3.2
    assert made[-5:].tobytes()[:16] == np.float32([0.0, -0.0, 1, -1]).tobytes() and np.isnan(made[-1])


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "i8"])
@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("shape", [(20, 90, 300), (9000, 3, 2), (6, 90, 100), (70, 5, 150), (2, 3, 30_000)])
def test_running_sums_and_products(dtype, dim, shape):
    x = (np.random.default_rng(0).random(shape) * 4 - 2).astype(dtype)
    x[x > 1.9] = -0.0
    wide = {"f4": "f8", "c8": "c16"}.get(dtype, dtype)
    for name, ufunc in (("cumsum", np.add), ("cumprod", np.multiply)):
        with np.errstate(all="ignore"):
            right = ufunc.accumulate(x.astype(wide), dim).astype(dtype)
            made = getattr(engine, name)(engine.from_numpy(x), dim).numpy()
        assert np.array_equal(made, right, equal_nan=True)
        assert name == "cumprod" or made.dtype.kind == "c" or not (np.signbit(made) & (made == 0)).any()


@pytest.mark.parametrize("shape", [(300, 400), (1, 5), (4, 1), (3, 2, 300), (9000, 6), (3, 9000)])
@pytest.mark.parametrize("dim", [0, 1])
def test_the_gradient_of_a_running_sum_adds_from_the_end(shape, dim):
    x, g = engine.ones(shape, requires_grad=True), np.random.default_rng(0).random(shape).astype(np.float32)
    engine.cumsum(x, dim).backward(engine.from_numpy(g))
    right = np.flip(np.cumsum(np.flip(g, dim), dim, dtype=np.float64), dim).astype(np.float32)
    assert (x.grad.numpy() == right).all()


@pytest.mark.parametrize("dim", [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("scale", [1, 300])
def test_logsumexp_of_many_and_its_gradient(dim, scale):
    array = np.random.default_rng(0).uniform(-scale, scale, (40, 31, 57))
    for keepdim in (False, True):
        x = engine.from_numpy(array.astype(np.float32)).requires_grad_()
        made = engine.logsumexp(x, dim, keepdim)
        right = special.logsumexp(x.detach().numpy().astype(np.float64), dim, keepdims=keepdim)
        np.testing.assert_allclose(made.detach().numpy(), right, rtol=2e-6)
        made.backward(engine.ones_like(made) * 3)
        shares = np.exp(array - special.logsumexp(array, dim, keepdims=True))
        np.testing.assert_allclose(x.grad.numpy(), 3 * shares, rtol=1e-5 * scale, atol=1e-37)


@pytest.mark.parametrize("exponent", [3, 2, 1.5, 0.5, -1, 2.5])
def test_powers_of_many_are_those_of_few(exponent):
    array = np.random.default_rng(0).uniform(0.1, 3, (300, 200)).astype(np.float32)
    for view in (lambda a: a, lambda a: a.T, lambda a: a[:, ::2]):
        x = engine.from_numpy(view(array).copy(order="K")).requires_grad_()
        y = x**exponent
        y.backward(engine.ones_like(y) * 3)
        rows = [engine.from_numpy(row.copy()).requires_grad_() for row in x.detach().numpy()]
        few = [row**exponent for row in rows]
        for f in few:
            f.backward(engine.ones_like(f) * 3)
        assert (y.detach().numpy() == [f.detach().numpy() for f in few]).all()
        assert (x.grad.numpy() == [row.grad.numpy() for row in rows]).all()


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_gradients_in_pieces_have_the_bits_of_the_formula(name):
    array = np.random.default_rng(0).uniform(-3, 3, (300, 200)).astype(np.float32)
    g = np.random.default_rng(1).uniform(-3, 3, (300, 200)).astype(np.float32)
    for view in (lambda a: a, lambda a: a.T, lambda a: a[:, ::2]):
        x = engine.from_numpy(view(array).copy(order="K")).requires_grad_()
        y = getattr(engine, name)(x)
        y.backward(engine.from_numpy(view(g)))
        o = y.detach().numpy()
        right = view(g) * (1 - o) * o if name == "sigmoid" else view(g) * ((1 - o) * (1 + o))
        assert (x.grad.numpy() == right).all()


@pytest.mark.parametrize("dim", [0, 1])
def test_the_variance_of_equal_elements_is_zero(dim):
    x = np.full((50, 40), 0.1, np.float32)
    assert (engine.var(engine.from_numpy(x), dim).numpy() == 0).all()
    x[-1, -1] = 0.2
    np.testing.assert_allclose(engine.var(engine.from_numpy(x), dim).numpy(), np.var(x.astype(np.float64), dim, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("dim", [None, 0, 1, 2, (0, 2), (1, 2)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_variance_and_mean_of_many(dim, dtype):
    x = np.random.default_rng(0).normal(3, 2, (60, 31, 57)).astype(dtype)
    for keepdim in (False, True):
        var, mean = engine.var_mean(engine.from_numpy(x), dim, correction=1, keepdim=keepdim)
        bound = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(var.numpy(), np.var(x.astype(np.float64), dim, ddof=1, keepdims=keepdim), rtol=bound)
        np.testing.assert_allclose(mean.numpy(), np.mean(x.astype(np.float64), dim, keepdims=keepdim), rtol=bound)


@pytest.mark.parametrize("dim", [(), 0, 1, 2, (0, 2), (1, 2)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_gradient_of_the_largest_of_many_is_shared_evenly(dim, dtype):
    array = np.random.default_rng(0).integers(0, 9, (30, 31, 57)).astype(dtype)
    for keepdim in (False, True):
        x = engine.from_numpy(array.copy()).requires_grad_()
        made = engine.amax(x, dim, keepdim)
        made.backward(engine.ones_like(made) * 3)
        axis = None if dim == () else dim
        mask = array == array.max(axis, keepdims=True)
        np.testing.assert_allclose(x.grad.numpy(), 3 * mask / mask.sum(axis, keepdims=True), rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", [(300, 400), (16, 5000), (33, 40, 50), (40_000,)])
@pytest.mark.parametrize(("scale", "level"), [(1, 0), (1, 1e4), (1e-3, 10), (1e-18, 0), (1e19, 0), (1e-24, 1e-25)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_variance_of_many(shape, scale, level, dtype):
    x = (np.random.default_rng(0).normal(level, scale, shape)).astype(dtype)
    wide = x.astype(np.longdouble)
    bound = {"f4": 2, "f8": 4}[dtype] * np.finfo(dtype).eps  # the sums of both are rounded to doubles
    for dim in (None, *range(len(shape))):
        made, right = engine.var(engine.from_numpy(x), dim).numpy(), np.var(wide, dim, ddof=1)
        with np.errstate(all="ignore"):
            right = right.astype(dtype)
        np.testing.assert_allclose(made, right, rtol=bound, atol=np.finfo(dtype).smallest_subnormal)


@pytest.mark.parametrize("level", np.logspace(1, 5, 9))
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_variance_of_multiples_of_one_number(level, dim):
    """As numbers far from zero are: sums of their squares are not rounded up as often as down."""
    x = np.random.default_rng(0).normal(level, 1, (500, 1600)).astype(np.float32)
    made, right = engine.var(engine.from_numpy(x), dim).numpy(), np.var(x.astype(np.longdouble), dim, ddof=1)
    np.testing.assert_array_less(np.abs(made - right), 2 * np.finfo(np.float32).eps * right)


def test_variance_of_many_with_what_is_not_finite():
    x = np.ones((100, 300), np.float32)
    x[3, 4], x[5, 6] = np.inf, np.nan
    with np.errstate(all="ignore"):
        var = engine.var(engine.from_numpy(x), 1).numpy()
    assert np.isnan(var[[3, 5]]).all() and (np.delete(var, [3, 5]) == 0).all()


@pytest.mark.parametrize("shape", [(5000,), (60, 70), (5, 30, 40)])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("kind", ["ties", "special", "integers", "random"])
def test_sorting_by_packed_integers_is_stable_sorting(shape, descending, kind):
    rng = np.random.default_rng(0)
    x = {
        "ties": lambda: rng.integers(-3, 4, shape).astype(np.float32),
        "special": lambda: rng.choice(np.float32([0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-45, -1e-45, 3.4e38]), shape),
        "integers": lambda: rng.choice(np.int32([-(2**31), 2**31 - 1, 0, -1, 5]), shape),
        "random": lambda: rng.normal(0, 1, shape).astype(np.float32),
    }[kind]()
    for array in (x, x.T):
        for dim in range(array.ndim):
            right = np.argsort(np.flip(array, dim) if descending else array, dim, kind="stable")
            right = array.shape[dim] - 1 - np.flip(right, dim) if descending else right
            assert (order(array, dim, descending) == right).all()


@pytest.mark.parametrize("shape", [(300, 700), (1024, 256), (70, 5000)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_matrices_that_lie_by_row_and_by_column(shape, dtype):
    x = np.random.default_rng(0).random(shape).astype(dtype)
    y = np.random.default_rng(1).random(shape[::-1]).astype(dtype)
    a, b = engine.from_numpy(x), engine.from_numpy(y).t()
    for left, right, p, q in ((a, b, x, y.T), (b, a, y.T, x), (a[2:-1], b[2:-1], x[2:-1], y.T[2:-1])):
        made = left / right
        assert made.stride() == tuple(s // made.element_size() for s in np.empty_like(p).strides)
        assert (made.numpy() == p / q).all()
    assert (b.contiguous().numpy() == y.T).all()
    assert b.contiguous().is_contiguous()


@pytest.mark.parametrize("shape", [(300, 700), (700, 300), (2, 200, 500)])
def test_large_arrays_are_broadcast_and_their_gradients_summed(shape):
    x = np.random.default_rng(0).random(shape).astype(np.float32)
    buffer = np.getbufsize()
    for side in ((shape[-1],), (*shape[:-1], 1), (1, shape[-1]), (1,)):
        y = np.random.default_rng(1).random(side).astype(np.float32)
        a, b = (engine.from_numpy(t).requires_grad_() for t in (x, y))
        made = a * b
        made.backward(engine.from_numpy(x))
        assert (made.detach().numpy() == x * y).all()
        assert (a.grad.numpy() == x * y).all()
        dims = tuple(d for d in range(-x.ndim, 0) if d < -len(side) or side[d] == 1)
        np.testing.assert_allclose(b.grad.numpy(), np.sum(x.astype(np.float64) ** 2, dims).reshape(side), rtol=1e-5)
    column, row = (engine.from_numpy(np.random.default_rng(2).random(side).astype(np.float32)) for side in ((700, 1), (1, 300)))
    assert ((column * row).numpy() == column.numpy() * row.numpy()).all()
    assert np.getbufsize() == buffer

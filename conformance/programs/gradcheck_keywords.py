"""Every keyword of gradcheck and gradgradcheck, what the function may be and do, and the old functions for jacobians."""

from __future__ import annotations

from typing import Any

from .declare import program
from .own_functions import made


@program
def arguments_of_any_kind(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    x, y = draw.floats((2,), B.float64, requires_grad=True), draw.floats((2,), B.float64)
    see.raises("a number and text", lambda: check(lambda a, k, t: a * k, (x, draw.number(), "text")))
    see.raises("a list", lambda: check(lambda a, b: a * b, [x, y]))
    see.raises("one tensor", lambda: check(lambda a: a * 2, x))
    see.raises("a set of one", lambda: check(lambda a: a * 2, iter([x])))
    see.raises("a list of tensors inside", lambda: check(lambda a, l: a * l[0], (x, [y])))
    see.raises("no inputs", lambda: check(lambda: y, ()))
    see.raises("none requires grad", lambda: check(lambda a: a, (y,)))
    see.raises("integers too", lambda: check(lambda a, i: a * i, (x, draw.integers((2,)))))
    see.raises("no function", lambda: check(3, x))


@program
def results_of_any_kind(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    x = draw.floats((2,), B.float64, requires_grad=True)
    see.raises("nothing", lambda: check(lambda a: (), x))
    see.raises("None", lambda: check(lambda a: None, x))
    see.raises("a number", lambda: check(lambda a: 3.0, x))
    see.raises("no gradient", lambda: check(lambda a: a.detach(), x))
    see.raises("integers", lambda: check(lambda a: a.long(), x))
    see.raises("a list", lambda: check(lambda a: [a * 2, a * 3], x))
    see.raises("some without gradient", lambda: check(lambda a: (a * 2, a.detach()), x))
    see.raises("sparse in values", lambda: check(lambda a: a.relu(), B.ones(2, dtype=B.float64, requires_grad=True)))


@program
def errors_of_the_function(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    x = draw.floats((2,), B.float64, requires_grad=True)

    def fails(a):
        raise KeyError("in the function")

    def fails_too(ctx, g):
        raise ValueError("in backward")

    quiet = draw.flag()
    see.raises("forward", lambda: check(fails, x, raise_exception=not quiet))
    see.raises("backward", lambda: check(made(B, forward=lambda ctx, a: a * 2, backward=fails_too).apply, x, raise_exception=not quiet))
    see("what it is", [issubclass(B.autograd.gradcheck.__globals__["GradcheckError"], RuntimeError)])


@program
def functions_that_are_not_deterministic(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    state = [0]
    size = draw.choice([0.0, 1e-9, 0.5])

    def noisy(ctx, g):
        state[0] += 1
        return g * (2 + size * (state[0] % 2))

    double = made(B, forward=lambda ctx, a: a * 2, backward=noisy)
    x = draw.floats((1,), B.float64, requires_grad=True)
    see.raises("strictly", lambda: check(double.apply, x))
    see.raises("with a tolerance", lambda: check(double.apply, x, nondet_tol=1e-6))
    see.raises("quietly", lambda: check(double.apply, x, raise_exception=False))


@program
def tolerances_and_steps(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    off = draw.choice([0.0, 1e-4, 1e-2])

    double = made(B, forward=lambda ctx, a: a * 2, backward=lambda ctx, g: g * (2 + off))
    x = B.ones(1, dtype=B.float64) * draw.integer(1, 3)
    x.requires_grad_()
    for words in ({}, {"atol": 1e-3}, {"rtol": 0.1}, {"atol": 0.0, "rtol": 0.0}, {"eps": 0.5}, {"eps": 1e-3, "atol": 1e-1}):
        see.raises(f"{words}", lambda words=words: check(double.apply, x, raise_exception=False, **words))


@program
def undefined_gradients(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck

    class Two(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.set_materialize_grads(False)
            return a * 2, b * 3

        @staticmethod
        def backward(ctx, g, h):
            if careful:
                return None if g is None else g * 2, None if h is None else h * 3
            return g * 2, h * 3

    careful = draw.flag()
    x, y = (draw.floats((2,), B.float64, requires_grad=True) for _ in range(2))
    see.raises("checked", lambda: see.warns("warnings", lambda: check(Two.apply, (x, y))))
    see.raises("not checked", lambda: check(Two.apply, (x, y), check_undefined_grad=False))
    see.raises("quietly", lambda: see.warns("quiet warnings", lambda: check(Two.apply, (x, y), raise_exception=False)))


@program
def dtypes_of_gradients(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck

    single = draw.flag()
    double = made(B, forward=lambda ctx, a: a * 2, backward=lambda ctx, g: g.float() * 2 if single else g * 2)
    x = draw.floats((2,), B.float64, requires_grad=True)
    see.raises("not checked", lambda: check(double.apply, x))
    see.raises("checked", lambda: check(double.apply, x, check_grad_dtypes=True))
    x.grad_dtype = draw.choice([None, B.float32, B.float64])
    asked, fast = draw.flag(), draw.flag()
    see.raises("of another dtype", lambda: check(double.apply, x, check_grad_dtypes=asked, fast_mode=fast))


@program
def batches_of_gradients(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    x = draw.floats((2,), B.float64, requires_grad=True)
    function = draw.choice([lambda a: a * 2, lambda a: a.exp().sum(), lambda a: (a.sin(), a**2)])
    see.raises("batched", lambda: check(function, x, check_batched_grad=True))
    see.raises("batched forward", lambda: check(function, x, check_forward_ad=True, check_batched_forward_grad=True))
    see.raises("forward alone", lambda: check(function, x, check_forward_ad=True, check_backward_ad=False))
    see.raises("batched forward without forward", lambda: check(function, x, check_batched_forward_grad=True))
    see.raises("fast", lambda: check(function, x, fast_mode=True))
    see.raises("masked", lambda: check(function, x, masked=draw.flag()))
    see.raises("unknown", lambda: check(function, x, check_everything=True))


@program
def forward_mode_inside(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    fw = B.autograd.forward_ad
    levels = []

    def function(a, b):
        tangents = [None if t is None else t.tolist() for t in (fw.unpack_dual(t).tangent for t in (a, b))]
        levels.append([fw._current_level >= 0, a.requires_grad, b.requires_grad, a.grad_fn is None, *tangents])
        return a * b

    x, y = draw.floats((2,), B.float64, requires_grad=True), draw.floats((2,), B.float64, requires_grad=draw.flag())
    see.raises("check", lambda: check(function, (x, y), check_forward_ad=True, check_backward_ad=draw.flag()))
    see("where a level was active", sorted({str(one) for one in levels if one[0]}))


@program
def a_wrong_tangent(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    factor = draw.choice([2.0, 3.0])

    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def jvp(ctx, t):
            return t * factor

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = draw.floats((2,), B.float64, requires_grad=True)
    see.raises("forward", lambda: check(Double.apply, x, check_forward_ad=True))
    see.raises("quietly", lambda: check(Double.apply, x, check_forward_ad=True, raise_exception=False))


@program
def results_that_change_shape(B: Any, draw: Any, see: Any) -> None:
    how = draw.choice(["shape", "dtype"])
    x = draw.floats((2,), B.float64, requires_grad=True)
    start = float(x.detach().sum())

    def function(a):
        if float(a.detach().sum()) <= start:
            return a * 2
        return {"shape": lambda: (a * 2)[:1], "dtype": lambda: (a * 2).float()}[how]()

    see.raises(how, lambda: B.autograd.gradcheck(function, x))


@program
def complex_inputs_and_results(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    shape = draw.choice([(), (1,), (2,)])
    x, y = draw.complexes(shape, B.complex128, requires_grad=True), draw.floats(shape, B.float64, requires_grad=True)
    function = draw.choice([lambda a, b: a * b, lambda a, b: (a.abs(), b * 1j), lambda a, b: a.conj() * b, lambda a, b: a.real + b])
    see.raises("checked", lambda: check(function, (x, y), check_forward_ad=draw.flag()))

    class Wrong(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2j

        @staticmethod
        def backward(ctx, g):
            return g * 2j

    see.raises("the conjugate is missing", lambda: check(Wrong.apply, x, raise_exception=False))


@program
def second_gradients(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradgradcheck
    x, y = (draw.floats((size,), B.float64, requires_grad=True) for size in [draw.integer(1, 2)] * 2)
    function = draw.choice([lambda a, b: a * b, lambda a, b: (a.exp() * b).sum(), lambda a, b: a @ b, lambda a, b: (a**3, b.sin())])
    out = function(x, y)
    seeds = tuple(B.ones_like(o).requires_grad_() for o in (out if isinstance(out, tuple) else (out,)))
    given = seeds[0] if len(seeds) == 1 and draw.flag() else seeds
    see.raises("with seeds, forward over backward, too", lambda: check(function, (x, y), given, check_fwd_over_rev=draw.flag()))
    see.raises("without backward over backward", lambda: check(function, (x, y), seeds, check_rev_over_rev=False))

    class Once(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            return 2 * a.detach() * g

    see.raises("no second gradient", lambda: check(Once.apply, x, raise_exception=False))


@program
def which_part_is_told_first(B: Any, draw: Any, see: Any) -> None:
    """Where both parts of a gradient are wrong, the imaginary one is told, of the first output of which it is."""
    factors = [complex(draw.integer(0, 2), draw.integer(0, 2)) for _ in range(2)]

    class Wrong(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * (1 + 1j), a * 1

        @staticmethod
        def backward(ctx, g, h):
            return g * factors[0] + h * factors[1]

    x = draw.complexes((1,), B.complex128, requires_grad=True)
    check, fast = B.autograd.gradcheck, draw.flag()
    see.raises("checked", lambda: check(Wrong.apply, x, check_undefined_grad=False, fast_mode=fast))


@program
def inputs_are_put_back(B: Any, draw: Any, see: Any) -> None:
    """What was moved for a difference is as it was, but where the function fails amid it."""
    x = draw.floats((2,), B.float64, requires_grad=True)
    before = x.detach().clone()
    calls, last = [0], draw.integer(1, 9)

    def function(a):
        calls[0] += 1
        if calls[0] == last:
            raise KeyError("in the middle")
        return a * a * draw_factor

    draw_factor, forward = draw.number(), draw.flag()
    see.raises("checked", lambda: B.autograd.gradcheck(function, x, check_forward_ad=forward, fast_mode=not forward and draw.flag()))
    see("where it was", [(x - before).sign().tolist(), x._version])


@program
def jacobians_of_old(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    G = import_module(B.__name__ + ".autograd.gradcheck")
    x = draw.floats((2,), B.float64, requires_grad=True)

    def function(inputs):
        return inputs[0] * 3 + inputs[0] ** 2

    see.raises("gradient, numerical", lambda: see.warns("warnings", lambda: G.get_numerical_jacobian(function, (x,), target=x)))
    see.raises(
        "another grad_out", lambda: see.warns("warnings 2", lambda: G.get_numerical_jacobian(function, (x,), target=x, grad_out=2.0))
    )
    see.raises("gradient, analytical", lambda: see.warns("warnings 3", lambda: G.get_analytical_jacobian((x,), function((x,)))))
    see.raises("another", lambda: see.warns("warnings 4", lambda: G.get_analytical_jacobian((x,), function((x,)), grad_out=2.0)))
    step, calls = draw.choice([0.5, 0.0, 0.25]), [0]

    def noisy(ctx, g):
        calls[0] += 1
        return g * (2 + step * calls[0])

    given = {"nondet_tol": draw.choice([0.3, 1.0, 2.0])} if draw.flag() else {}
    double = made(B, forward=lambda ctx, a: a * 2, backward=noisy)
    found = see.warns("warnings 5", lambda: G.get_analytical_jacobian((x,), double.apply(x), **given))
    see("gradient, noisy", found)


@program
def along_one_direction(B: Any, draw: Any, see: Any) -> None:
    import re

    calls = []

    def rounded(call):
        """The numbers in a text are of random projections: in their last digits they differ by how sums are taken."""
        try:
            return call()
        except (RuntimeError, ValueError, AssertionError) as error:
            text = re.sub(r"-?\d+\.\d*(e[-+]?\d+)?", lambda found: f"{float(found[0]):.3g}", str(error))
            raise type(error)(text) from None

    class Wrong(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * 2, b * 3

        @staticmethod
        def backward(ctx, g, h):
            calls.append("backward")
            return g * 2, h * 4

        @staticmethod
        def jvp(ctx, s, t):
            return s * 3, t * 3

    functions = {
        "products": lambda a, b: a * b,
        "several": lambda a, b: (a.sin(), b.exp(), (a * b).sum()),
        "wrong": Wrong.apply,
        "integers too": lambda a, b: (a * b, (a > 0).long()),
        "unused": lambda a, b: a * 2,
        "nothing differentiable": lambda a, b: (a.detach() * 2).round(),
        "hidden": lambda a, b: a.detach() * 2,
        "matrix": lambda a, b: a.reshape(-1, 1) @ b.reshape(1, -1),
    }
    kind = draw.choice(list(functions))
    function = functions[kind]

    def counted(a, b):
        calls.append("function")
        return function(a, b)

    x, y = draw.floats((2,), B.float64, True), draw.floats((2,), B.float64, True)
    backward, undefined = not draw.flag(), draw.flag()
    forward = draw.flag() and kind not in ("hidden", "nothing differentiable")  # where PyTorch looks for outputs it has not kept
    tolerance = draw.choice([1e-5, 10.0])  # gradcheck's own, under test here: what it comes to is compared as everything is
    keywords = {"check_forward_ad": forward, "check_backward_ad": backward or not forward, "check_undefined_grad": undefined}
    see.raises(
        "checked",
        lambda: rounded(lambda: B.autograd.gradcheck(counted, (x, y), atol=tolerance, fast_mode=True, **keywords)),
    )
    see("calls", [] if kind in ("hidden", "nothing differentiable") else calls)
    see("quietly", B.autograd.gradcheck(function, (x, y), fast_mode=True, raise_exception=False))
    if kind not in ("hidden", "nothing differentiable", "wrong"):
        see("second", B.autograd.gradgradcheck(function, (x, y), fast_mode=True, raise_exception=False))


@program
def complex_along_one_direction(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    x, y = draw.complexes((2,), B.complex128, requires_grad=True), draw.floats((2,), B.float64, requires_grad=draw.flag())

    class Wrong(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * 2j

        @staticmethod
        def backward(ctx, g):
            return g * 2j, None

    right = [lambda a, b: a * b, lambda a, b: (a.abs(), b * 1j), lambda a, b: a.conj() * b, lambda a, b: a.real + b]
    function = draw.choice([*right, Wrong.apply])
    see.raises("backward", lambda: check(function, (x, y), fast_mode=True, raise_exception=False))
    if function in right:
        see.raises("forward", lambda: check(function, (x, y), fast_mode=True, check_forward_ad=True))


@program
def gradients_of_two_at_once(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2,), B.float64, True), draw.floats((2,), B.float64, draw.flag())

    class Looks(B.autograd.Function):
        generate_vmap_rule = draw.flag()

        @staticmethod
        def forward(a):
            return a * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            if g.sum() == 1e9:
                return g * 3
            return g * 2

        @staticmethod
        def jvp(ctx, t):
            return t * 2 if t.sum() != 1e9 else t

    functions = {
        "products": lambda a, b: a * b,
        "several": lambda a, b: (a.sin(), b * a, (a * b).sum()),
        "unused": lambda a, b: a * 2,
        "looks": lambda a, b: Looks.apply(a) * b,
        "views": lambda a, b: (a.reshape(2, 1) + b).flip(0).unbind(0),
    }
    kind = draw.choice(list(functions))
    function, loudly = functions[kind], kind != "looks"  # what vmap says of a choice depends on who runs backward
    how = draw.choice([{}, {"check_forward_ad": True}, {"check_forward_ad": True, "check_batched_forward_grad": True}])
    fast = draw.flag()
    words = {"check_batched_grad": True, "fast_mode": fast, "raise_exception": loudly, **how}
    see.raises("checked", lambda: B.autograd.gradcheck(function, (x, y), **words))
    see.raises("second", lambda: B.autograd.gradgradcheck(function, (x, y), check_batched_grad=True, raise_exception=False))

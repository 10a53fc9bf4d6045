"""From tensors to Python numbers, NumPy arrays and other dtypes, and back, with and without grad."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def to_numpy(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(), draw.dtype(), requires_grad=True)
    see.raises("requires grad", lambda: x.numpy())
    see.raises("a result", lambda: (x * 2).numpy())
    see.raises("detached", lambda: x.detach().numpy())
    see.raises("forced", lambda: x.numpy(force=True))
    with B.no_grad():
        see.raises("under no_grad", lambda: x.numpy())
        see.raises("a result of no_grad", lambda: (x * 2).numpy())
    array = x.detach().numpy()
    array[...] = draw.number()
    see("shares memory", x)


@program
def to_python(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(), draw.dtype(), requires_grad=True)
    see.raises("item", lambda: x.item())
    see.raises("tolist", lambda: x.tolist())
    see.raises("float", lambda: see.warns("its warning", lambda: float(x)))
    see.raises("int", lambda: int(x.detach()))
    see.raises("bool", lambda: bool(x))
    see.raises("index", lambda: [1, 2, 3][x])
    see.raises("formatted", lambda: f"{x.detach():.2f}")


@program
def exact_numbers(B: Any, draw: Any, see: Any) -> None:
    number = draw.choice(
        [
            -12345,
            -12345.1,
            1234567890123456789,
            float("inf"),
            float("nan"),
            0,
            -0.0,
            True,
            1.5,
            2j,
            3 + 0j,
            complex(float("nan"), 0),
            complex(float("inf"), 0),
            1e30 + 0j,
        ]
    )
    x = B.tensor(number)
    see("x", x)
    see.raises("item", lambda: x.item())
    see.raises("int", lambda: int(x))
    see.raises("float", lambda: float(x))
    see.raises("bool", lambda: bool(x))
    see.raises("complex", lambda: complex(x))
    see("double", B.tensor(number, dtype=B.complex128 if isinstance(number, complex) else B.float64))


@program
def from_numpy(B: Any, draw: Any, see: Any) -> None:
    import numpy as np

    array = np.arange(draw.integer(1, 4)).astype(draw.choice(["float32", "float64", "int64", "bool", "complex64"]))
    x = B.from_numpy(array)
    see("x", x)
    array[0] = 1
    see("shares memory", x)
    x.zero_()
    see("both ways", array)
    see("as_tensor", B.as_tensor(array))
    see("a copy", B.tensor(array))
    see.raises("a text array", lambda: B.from_numpy(np.array(["a"])))
    see.raises("a list", lambda: B.from_numpy([1]))
    see.raises("backwards", lambda: B.from_numpy(array[::-1]))


@program
def changing_dtype_keeps_the_graph(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), draw.dtype(), requires_grad=True)
    y = draw.choice(
        [
            lambda: x.double(),
            lambda: x.float(),
            lambda: x.to(B.float16),
            lambda: x.type(B.float64),
            lambda: x.bfloat16(),
            lambda: x.to(B.complex64),
        ]
    )()
    see("y", y)
    see.same("the same tensor", y, x)
    see.graph("graph", y)
    y.backward(B.ones_like(y))
    see("x.grad", x.grad)


@program
def to_an_integer_cuts_the_graph(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.choice([lambda: x.long(), lambda: x.to(B.int32), lambda: x.bool(), lambda: x.int()])()
    see("y", y)
    z = y.float() * x
    z.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see.raises("through it alone", lambda: y.float().backward(B.ones(2)))


@program
def arguments_of_to(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    see.same("same dtype", x.to(x.dtype), x)
    see.same("same device", x.to("cpu"), x)
    see("copied", x.to(x.dtype, copy=True))
    see("like another", x.to(B.zeros(1, dtype=B.float64)))
    see("type_as", x.type_as(B.zeros(1, dtype=B.float64)))
    see("type", x.type())
    see.raises("an unknown device", lambda: x.to("moon"))
    see.raises("nonsense", lambda: x.to(3.5))


@program
def tensor_of_nested_lists(B: Any, draw: Any, see: Any) -> None:
    values = draw.choice([[1, 2], [1.0, 2], [[1], [2]], [], [[]], [True, False], [1, True], [1j, 2], 3, [[1, 2], [3, 4.5]], (1, 2)])
    see("tensor", B.tensor(values))
    see("printed", str(B.tensor(values)))
    see("doubles", B.tensor(values, dtype=B.complex128))
    see.raises("ragged", lambda: B.tensor([[1, 2], [3]]))
    see.raises("text", lambda: B.tensor(["a"]))
    see.raises("None", lambda: B.tensor(None))
    see.raises("too large", lambda: B.tensor(2**70))
    see.raises("a float list as int", lambda: B.tensor([1.5], dtype=B.int64))


@program
def stacking_python_numbers_of_tensors(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    see("as numbers", B.tensor([x[0].item(), x[1].item()]))
    y = B.stack([x[1], x[0]])
    see("stacked", y)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def copies(B: Any, draw: Any, see: Any) -> None:
    import copy

    x = draw.floats((2,), requires_grad=True)
    (x * 2).backward(draw.floats((2,)))
    y = copy.deepcopy(x)
    see("deepcopy", y)
    see("its grad", y.grad)
    see.raises("of a non-leaf", lambda: copy.deepcopy(x * 2))
    see.same("shallow", copy.copy(x), x)
    y.detach().zero_()
    see("x is untouched", x)


@program
def pickles(B: Any, draw: Any, see: Any) -> None:
    import pickle

    x = draw.floats(draw.shape(), draw.dtype(), requires_grad=draw.flag())
    for protocol in (0, 2, 4):
        see(f"protocol {protocol}", pickle.loads(pickle.dumps(x, protocol)))


@program
def where_a_tensor_is(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2, 3, 2), draw.dtype(), requires_grad=draw.flag())
    x = draw.choice([lambda: x, lambda: x * 2, lambda: x.transpose(1, 2), lambda: x.detach()])()
    see.same("on the processor", x.cpu(), x)
    made = x.cpu(memory_format=draw.choice([None, B.channels_last, B.contiguous_format, B.preserve_format]))
    see("made", made)
    see("laid out", [made.stride(), made is x])
    see.raises("nowhere else", lambda: x.cpu(3))
    see.raises("no format", lambda: x.cpu(memory_format=3))
    kinds = ("cuda", "ipu", "maia", "meta", "mkldnn", "mps", "mtia", "nested", "quantized", "sparse", "sparse_csr", "vulkan", "xla", "xpu")
    see("is none of", [getattr(x, f"is_{kind}") for kind in kinds])
    see.raises("set", lambda: setattr(x, "is_mps", True))
    see("as an array", x.detach().cpu().numpy())


@program
def from_the_end(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(empty=True), draw.dtype(), requires_grad=True)
    y = reversed(x)
    see("reversed", y)
    see.same("of one number itself", y, x)
    see.graph("graph", y)
    y.backward(draw.floats(y.shape, x.dtype))
    see("x.grad", x.grad)


@program
def comparing_and_hashing(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x.detach().clone()
    see("equal", x == y)
    see("B.equal", B.equal(x, y))
    see("allclose", B.allclose(x, y))
    see("in a set", len({x, x, y}))
    see("identity in a list", any(one is x for one in [y, x]))
    see.raises("truth of several", lambda: bool(x == y))
    see("with None", [x is None, x == None])  # noqa: E711  # what `==` gives is the question
    see.raises("with text", lambda: x < "a")


@program
def every_attribute_listed_exists(B: Any, draw: Any, see: Any) -> None:
    import warnings

    x = draw.floats(draw.shape(1, 2), draw.dtype("float32", "int64", "complex64"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in dir(x):
            try:
                getattr(x, name)
            except Exception as error:
                see(name, f"{type(error).__name__}: {error}")
    see("imag is listed", "imag" in dir(x))


@program
def types_of_old(B: Any, draw: Any, see: Any) -> None:
    names = ("FloatTensor", "DoubleTensor", "IntTensor", "ByteTensor", "LongTensor", "BoolTensor", "HalfTensor")
    x = draw.floats((2,)).abs().to(draw.dtype("float32", "float64", "int32", "uint8", "bool", "float16", "int64"))
    see("is one of", [name for name in names if isinstance(x, getattr(B, name))])
    see("type", x.type())
    for name in names:
        see(name, x.type(getattr(B, name)))
        see(f"{name} by its name", x.type(f"torch.{name}"))
        see.same("the same", x.type(getattr(B, name)), x)
        see(f"{name} made", getattr(B, name)([1, 2]))
        see(f"{name} of a size", getattr(B, name)(0))
    see.raises("unknown", lambda: x.type("torch.MoonTensor"))


@program
def a_type_that_is_the_same_keeps_the_memory(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), draw.dtype(), requires_grad=draw.flag())
    other = draw.floats((1,), draw.dtype())
    for name, y in (("type", x.type(other.dtype)), ("type_as", x.type_as(other)), ("to", x.to(other.dtype)), ("float", x.float())):
        see(name, y)
        see.same(f"{name} the same", y, x)
        see(f"{name} same memory", y.data_ptr() == x.data_ptr())


@program
def gradients_keep_the_type_of_their_tensor(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), B.float64, requires_grad=True)
    y = draw.floats((2,), B.float32, requires_grad=True)
    z = (x.float() * y).double() * x
    see.graph("graph", z)
    z.backward(draw.floats((2,), B.float64))
    see("gradients", [x.grad, y.grad])


@program
def numbers_that_do_not_fit(B: Any, draw: Any, see: Any) -> None:
    value = draw.choice([float("nan"), float("inf"), -float("inf"), 1e300, -1.5, 0.0, -0.0, 2.0**63, 5e-324])
    for dtype in (B.float64, B.float32, B.float16):
        x = B.tensor(value, dtype=dtype) * draw.choice([1.0, -1.0])
        see("x", x)
        for convert in (int, float, bool, complex):
            see.raises(f"{convert.__name__} of it", lambda x=x, convert=convert: convert(x))
    for bits, dtype in ((64, B.int64), (32, B.int32), (16, B.int16), (8, B.int8)):
        least = B.tensor(-(2 ** (bits - 1)), dtype=dtype)
        see("least", [int(least), bool(least), float(least)])


@program
def casts_there_and_back(B: Any, draw: Any, see: Any) -> None:
    names = ("float32", "float64", "float16", "bfloat16", "complex64", "complex128")
    x = draw.floats(draw.shape(empty=True)).to(draw.dtype(*names)).requires_grad_()
    casts = {
        "to": lambda t, d: t.to(d),
        "copied": lambda t, d: t.to(d, copy=True),
        "type": lambda t, d: t.type(d),
        "type_as": lambda t, d: t.type_as(B.zeros(2, dtype=d)),
        "like": lambda t, d: t.to(B.zeros((), dtype=d)),
        "laid out": lambda t, d: t.to(d, memory_format=B.contiguous_format),
        "new_tensor": lambda t, d: t.new_zeros(t.shape, dtype=d).copy_(t),
        "double": lambda t, d: t.double(),
        "half": lambda t, d: t.half(),
        "sum": lambda t, d: t.sum(dtype=d).expand(t.shape),
        "set": lambda t, d: B.zeros(t.shape, dtype=d).add_(t.real),
    }
    made = [x]
    for _ in range(draw.integer(1, 3)):
        name, dtype = draw.choice(list(casts)), draw.dtype(*names, "int64", "bool")
        see.raises(name, lambda name=name, dtype=dtype: see.warns("warnings", lambda: made.append(casts[name](made[-1], dtype))))
        see(f"after {name}", made[-1])
        see.same("the same", made[-1], made[0])
    y = made[-1]
    see.graph("graph", y)
    if y.requires_grad:
        seed = draw.floats(y.shape).to(y.dtype)
        see.warns("warnings of the gradient", lambda: y.backward(seed))
        see("x.grad", x.grad)
        see("types", [x.grad.type(), x.grad.dtype == x.dtype])


@program
def a_gradient_is_cast_before_it_is_summed(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.choice([(1,), (), (2,), (2, 1)]), draw.dtype("float64", "float32", "bfloat16"), requires_grad=True)
    y = B.zeros(2, 2, dtype=draw.dtype("float32", "float64", "bfloat16"))
    y.copy_(x)
    seed = draw.floats((2, 2), y.dtype, requires_grad=True)
    [gradient] = B.autograd.grad(y, x, seed * draw.number(), create_graph=draw.flag())
    see("gradient", gradient)
    see.graph("graph", gradient)


@program
def a_weight_without_dimensions_promotes(B: Any, draw: Any, see: Any) -> None:
    ends = [draw.integers((2,), dtype=draw.dtype("int16", "int16", "int64", "bool")) for _ in range(2)]
    weight = draw.floats(draw.choice([(), (2,)]), draw.dtype("float32", "float64", "bfloat16"), requires_grad=draw.flag())
    see.raises("between", lambda: B.lerp(*ends, weight))
    see.raises("in place", lambda: ends[0].lerp_(ends[1], weight.detach()))
    see.raises("gradient", lambda: B.autograd.grad(B.lerp(*ends, weight).sum(), weight))
    see.raises("by an integer", lambda: B.lerp(*ends, draw.integers(())))

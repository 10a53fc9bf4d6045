"""What is printed: tensors of every dtype, shape and state, and their nodes."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def tensors_of_every_dtype(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype("float32", "float64", "int64", "int32", "uint8", "bool", "float16", "bfloat16", "complex64", "complex128")
    x = draw.floats(draw.shape(empty=True))
    see("printed", repr(x.to(dtype)))
    see("as text", str(x.to(dtype)))
    see("formatted", f"{x.to(dtype)}")


@program
def numbers_of_every_size(B: Any, draw: Any, see: Any) -> None:
    sizes = [1.0, 0.5, 1e-5, 123456.0, 1e10, float("nan"), float("inf"), -1.0, 0.0, 3.14159265, 1e-40]
    x = B.tensor([draw.choice(sizes) for _ in range(draw.integer(1, 4))])
    see("printed", repr(x))
    see("doubles", repr(x.double()))
    see("one of them", repr(x[0]))
    see("an item", str(x[0].item()))


@program
def states(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    states = [x, y, y.detach(), y[0], y.view(1, 2), y.clone().add_(1), y.sum(), y > 0, B.nn.Parameter(x.detach())]
    for i, state in enumerate(states):
        see(f"state {i}", repr(state))
    with B.no_grad():
        see("under no_grad", repr(x * 2))


@program
def long_ones_are_summarised(B: Any, draw: Any, see: Any) -> None:
    x = B.arange(draw.choice([1000, 1001, 2000]))
    see("a row", repr(x))
    see("a matrix", repr(x.reshape(-1, 1).expand(-1, 12) * 1.5))
    see("wrapped", repr(B.arange(40.0) / 7))


@program
def sizes_and_dtypes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape())
    see("shape", [str(x.shape), repr(x.size()), str(tuple(x.shape)), type(x.shape).__name__])
    see("dtype", [str(x.dtype), repr(x.dtype)])
    see("device", [str(x.device), repr(x.device)])
    see("type", [x.type(), str(x.layout)])
    see("sums", [str(x.shape[:1] + x.shape), x.shape.numel(), x.numel(), x.dim(), x.ndim])


@program
def a_training_log(B: Any, draw: Any, see: Any) -> None:
    w = draw.floats((2,), requires_grad=True)
    for epoch in range(2):
        loss = (w * w).mean()
        loss.backward()
        see(f"line {epoch}", f"epoch {epoch}: loss {loss.item():.4f}, w {w.tolist()}, grad {w.grad}")
        with B.no_grad():
            w -= 0.25 * w.grad


@program
def with_options_of_any_kind(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(0, 3, empty=True), draw.dtype("float32", "float64"), requires_grad=draw.flag())
    x = draw.choice([lambda: x, lambda: x * 1e6, lambda: x / 3, lambda: x.long(), lambda: x > 1, lambda: x / 0, lambda: x * 1j])()
    words = draw.choice(
        [
            {},
            {"precision": 2},
            {"sci_mode": True},
            {"sci_mode": False},
            {"threshold": 2, "edgeitems": 1},
            {"linewidth": 20},
            {"profile": "short"},
        ]
    )
    try:
        B.set_printoptions(**words)
        see("printed", repr(x))
        see("in a list", str([x, x.shape]))
        see("nested", f"{x.detach()!s:>5}")
        see.raises("formatted", lambda: f"{x:.3f}")
    finally:
        B.set_printoptions(profile="default")
    see("as usual", repr(x))

"""Copies of tensors, shallow and deep, pickled and saved: what they share, what they keep, and what cannot be copied."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def pickled_with_every_protocol(B: Any, draw: Any, see: Any) -> None:
    import pickle

    dtype = draw.dtype("float32", "float64", "float16", "bfloat16", "complex64", "int64", "bool", "uint8")
    x = draw.floats(draw.shape(empty=True)).to(dtype)
    if draw.flag() and (dtype.is_floating_point or dtype.is_complex):
        x.requires_grad_()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        y = pickle.loads(pickle.dumps(x, protocol))
        see(f"protocol {protocol}", y)
        see("layout", [y.stride(), y.storage_offset()])


@program
def pickles_of_layouts(B: Any, draw: Any, see: Any) -> None:
    import pickle

    x = draw.floats((2, 3))
    make = draw.choice([lambda: x.t(), lambda: x[1:], lambda: x[:, 1], lambda: x[:1].expand(2, 3), lambda: x[0, ::2]])
    y = pickle.loads(pickle.dumps(make()))
    see("y", y)
    see("layout", [y.stride(), y.storage_offset(), y._is_view()])
    y = pickle.loads(pickle.dumps(x * 2))
    see("a result", y)


@program
def pickles_of_results(B: Any, draw: Any, see: Any) -> None:
    import pickle
    from importlib import import_module

    x = draw.floats((2,), requires_grad=True)
    see.raises("a result", lambda: pickle.loads(pickle.dumps(x * 2)))
    see.raises("its value", lambda: pickle.loads(pickle.dumps((x * 2).detach())))
    x.register_hook(lambda g: g)
    see.raises("with a hook", lambda: see.warns("warnings", lambda: pickle.loads(pickle.dumps(x))))
    hooks = import_module(B.__name__ + ".utils.hooks")
    x.register_hook(hooks.unserializable_hook(lambda g: g * 2))
    see("told of hooks", see.warns("warnings of hooks", lambda: hooks.warn_if_has_hooks(x)))
    see("told of none", see.warns("warnings of none", lambda: hooks.warn_if_has_hooks(x.detach())))
    y = draw.floats((2,), requires_grad=True)
    (y * 2).backward(draw.floats((2,)))
    see("a gradient is left behind", pickle.loads(pickle.dumps(y)).grad)


@program
def pickles_that_share_memory(B: Any, draw: Any, see: Any) -> None:
    import pickle

    x = draw.floats((2, 2))
    a, b, c = pickle.loads(pickle.dumps([x, x[0], x]))
    see.same("the same tensor", a, c)
    a.mul_(draw.number())
    see("the row follows", b)
    see("versions", [a._version, b._version])


@program
def attributes_go_along(B: Any, draw: Any, see: Any) -> None:
    import copy
    import pickle

    x = draw.floats((2,), requires_grad=draw.flag())
    x.note = {"rate": draw.number()}
    for name, made in (("pickled", pickle.loads(pickle.dumps(x))), ("deep", copy.deepcopy(x)), ("shallow", copy.copy(x))):
        see(name, made.note)
        see.same(f"{name} shares it", made.note, x.note)
    see.raises("of a detached one", lambda: x.detach().note)
    see.raises("of a view", lambda: x.view(-1).note)


@program
def deep_copies(B: Any, draw: Any, see: Any) -> None:
    import copy

    x = draw.floats((2, 2), requires_grad=True)
    (x * 2).backward(draw.floats((2, 2)))
    pair = copy.deepcopy([x, x, x.detach()])
    see.same("once", pair[0], pair[1])
    see("copies", pair)
    see("gradient", pair[0].grad)
    see.same("a gradient of its own", pair[0].grad, x.grad)
    with B.no_grad():
        pair[0].add_(1)
    see("the detached one shares its memory", pair[2])
    see("x", x)
    see.raises("of a result", lambda: copy.deepcopy(x * 2))
    see.raises("of a view of a leaf", lambda: copy.deepcopy(x[0]))
    see.raises("of a value", lambda: copy.deepcopy((x * 2).detach()))
    see("layout", [copy.deepcopy(x.detach().t()).stride(), copy.deepcopy(x.detach()[:, 1]).stride()])


@program
def copies_of_conjugates(B: Any, draw: Any, see: Any) -> None:
    """A deep copy has computed values; a shallow one and a pickle read their memory as what they are of does."""
    import copy
    import pickle

    tensors = [draw.complexes((2,), draw.dtype("complex64", "complex128")) for _ in range(3)]
    ways = [lambda t: t.conj(), lambda t: t.conj().imag, lambda t: t.conj()[1:], lambda t: t.conj().expand(3, 2), lambda t: t.real * 1]
    way = draw.choice(ways)
    views = [way(t) for t in tensors]
    makers = {
        "deep": copy.deepcopy,
        "pickled": lambda all_: pickle.loads(pickle.dumps(all_)),
        "shallow": lambda all_: [copy.copy(one) for one in all_],
    }
    make = makers[draw.choice(list(makers))]
    made = make([*views, *tensors])
    see("made", made)
    see("how they read", [[one.is_conj(), one.is_neg(), one.stride(), one.storage_offset()] for one in made])
    see.raises("written to", lambda: made[0].zero_())
    see("all", [*made, *tensors])


@program
def deep_copies_of_parameters(B: Any, draw: Any, see: Any) -> None:
    import copy
    import pickle

    p = B.nn.Parameter(draw.floats((2,)), requires_grad=not draw.flag())
    q = copy.deepcopy(p)
    see("deep", q)
    see("types", [type(q).__name__, type(pickle.loads(pickle.dumps(p))).__name__, type(copy.copy(p)).__name__])
    r = pickle.loads(pickle.dumps(p))
    see("pickled", r)
    q.data.mul_(2)
    see("p", p)


@program
def shallow_copies(B: Any, draw: Any, see: Any) -> None:
    import copy
    import pickle

    x = draw.floats((2,), requires_grad=draw.flag())
    y = copy.copy(x)
    see("copy", y)
    makers = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda one: pickle.loads(pickle.dumps(one))}
    for name, make in makers.items():
        hooks = [make(one)._backward_hooks for one in (x.detach(), x, B.nn.Parameter(x.detach()))]
        see(f"{name}: a place for hooks", [None if found is None else len(found) for found in hooks])
    y.data.mul_(draw.number())
    see("x", x)
    see.raises("of a result", lambda: copy.copy(x * 2))
    see.raises("of a view", lambda: copy.copy(x[:1]))


@program
def copies_of_modules(B: Any, draw: Any, see: Any) -> None:
    import copy
    import pickle

    layer = B.nn.Linear(2, 2)
    with B.no_grad():
        layer.weight.copy_(draw.floats((2, 2)))
        layer.bias.copy_(draw.floats((2,)))
    x = draw.floats((1, 2))
    layer(x).sum().backward()
    for name, made in (("deep", copy.deepcopy(layer)), ("pickled", pickle.loads(pickle.dumps(layer)))):
        see(name, made(x))
        see(f"{name} weight", made.weight)
        see(f"{name} grad", made.weight.grad)
        made(x).sum().backward()
        see(f"{name} grad after", made.weight.grad)
    see("the first is left alone", layer.weight.grad)


@program
def saved_and_loaded(B: Any, draw: Any, see: Any) -> None:
    import io

    x = draw.floats(draw.shape(), draw.dtype("float32", "float64", "bfloat16", "complex64", "int64", "bool"))
    if x.is_floating_point():
        x.requires_grad_(draw.flag())
    what = draw.choice([lambda: x, lambda: {"x": x, "rate": 0.5, "name": "text"}, lambda: [x, (x, None, True)]])()
    buffer = io.BytesIO()
    B.save(what, buffer)
    buffer.seek(0)
    see("loaded", B.load(buffer))
    buffer.seek(0)
    see("of anything", B.load(buffer, weights_only=False))


@program
def saved_and_loaded_share_memory(B: Any, draw: Any, see: Any) -> None:
    import io

    x = draw.floats((2, 2))
    buffer = io.BytesIO()
    B.save([x, x[1], x.t()], buffer)
    buffer.seek(0)
    a, b, c = B.load(buffer)
    a.mul_(draw.number())
    see("all follow", [a, b, c])
    see("strides", [a.stride(), b.stride(), c.stride(), b.storage_offset()])


@program
def saved_in_a_file(B: Any, draw: Any, see: Any) -> None:
    import os
    import tempfile

    layer = B.nn.Linear(2, 1)
    with B.no_grad():
        layer.weight.copy_(draw.floats((1, 2)))
        layer.bias.copy_(draw.floats((1,)))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights")
        B.save(layer.state_dict(), path)
        state = B.load(path)
        other = B.nn.Linear(2, 1)
        other.load_state_dict(state)
        see("names", list(state))
        see.raises("nothing there", lambda: B.load(os.path.join("nowhere", "weights")))
    see("weight", other.weight)
    see("bias", other.bias)
    see("output", other(draw.floats((1, 2))))


@program
def saved_twice_in_one_stream(B: Any, draw: Any, see: Any) -> None:
    import io

    class Own:
        pass

    buffer = io.BytesIO()
    see.raises("something local", lambda: B.save(Own(), buffer))
    buffer = io.BytesIO()
    B.save(draw.floats((2,)), buffer)
    see("position moved", buffer.tell() > 0)
    see.raises("from its end", lambda: B.load(io.BytesIO(b"")))


@program
def copies_of_anything(B: Any, draw: Any, see: Any) -> None:
    import copy
    import io
    import pickle

    shape, dtype = draw.shape(1, 3, empty=True), draw.dtype("float32", "float64", "float16", "complex64", "int64", "bool")
    x = draw.floats(shape).to(dtype)
    able = dtype.is_floating_point or dtype.is_complex
    x.requires_grad_(able and draw.flag())
    if x.requires_grad:
        (x * 2).backward(draw.floats(shape).to(dtype))
        x.register_hook(lambda g: g) if draw.flag() else None
    kinds = {
        "itself": lambda: x,
        "transposed": lambda: x.detach().transpose(0, -1),
        "expanded": lambda: x.detach()[:1].expand(3, *shape[1:]),
        "part": lambda: x.detach()[..., 1:],
        "parameter": lambda: B.nn.Parameter(x.detach(), requires_grad=x.requires_grad),
        "inference": lambda: B.inference_mode()(lambda: x.detach().clone())(),
        "conjugate": lambda: x.detach().conj(),
        "result": lambda: x * 1,
        "written": lambda: x.detach().clone().fill_(1),
        "tree": lambda: {"a": [x, x.detach()], "b": (x.detach(), None, 1.5)},
    }
    name = draw.choice(list(kinds))

    def reloaded(one):
        buffer = io.BytesIO()
        B.save(one, buffer)
        buffer.seek(0)
        return B.load(buffer, weights_only=draw_safe)

    draw_safe = draw.flag()
    ways = {"deepcopy": copy.deepcopy, "copy": copy.copy, "pickle": lambda one: pickle.loads(pickle.dumps(one)), "save": reloaded}
    way = draw.choice(list(ways))

    def copied():
        one = kinds[name]()
        made = ways[way](one)
        if isinstance(made, dict):
            made["a"][0].data.fill_(2)
            return [made["a"], made["b"][0]]
        see("layout", [made.stride(), made.storage_offset(), made.is_contiguous(), made._is_view(), made.is_inference(), made.is_conj()])
        see("type", [type(made).__name__, not made._backward_hooks, made.grad is None])
        see("memory", made.data_ptr() == one.data_ptr())
        see("gradient", made.grad)
        return made

    see.raises(f"{way} of {name}", lambda: see.warns("warnings", copied))
    see("x", x)

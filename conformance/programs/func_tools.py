"""What `func` has beside derivatives: modules as functions, results without writes, rearranged tensors, what is behind a tensor."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def modules_as_functions(B: Any, draw: Any, see: Any) -> None:
    nn, F = B.nn, B.func
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    parameters = {name: draw.floats(tuple(p.shape)) for name, p in model.named_parameters()}
    x = draw.floats((2, 2))
    see("output", F.functional_call(model, parameters, x))
    see("output by several dicts", F.functional_call(model, ({k: v for k, v in parameters.items() if k[0] == "0"}, {}), (x,)).shape)
    see("gradient", F.grad(lambda p: F.functional_call(model, p, (x,)).sum())(parameters))
    see("gradient of each sample", B.vmap(F.grad(lambda p, t: F.functional_call(model, p, (t,)).sum()), (None, 0))(parameters, x))
    see("names after", [name for name, p in model.named_parameters() if isinstance(p, nn.Parameter)])
    given = draw.choice([{"0.weight": x}, {"2.weight": x}, {"0": x}, {"weight": x}, {"0.weight": 3}, {"0.": x}, {"": x}, [{}, 3], 3])
    see.raises("strictly", lambda: F.functional_call(model, given, x, strict=True))
    if not (isinstance(given, dict) and "weight" in given):
        see.raises("loosely", lambda: F.functional_call(model, given, x).shape)
    see.raises("twice", lambda: F.functional_call(model, (parameters, parameters), x))


@program
def tied_and_stacked_modules(B: Any, draw: Any, see: Any) -> None:
    class Tied(B.nn.Module):
        def __init__(self):
            super().__init__()
            self.one = B.nn.Parameter(B.ones(2))
            self.two = self.one
            self.register_buffer("count", B.zeros(()))

        def forward(self, x, scale=1):
            self.count = self.count + 1
            return x * self.one * scale + self.two

    x, w = draw.floats((2,)), draw.floats((2,))
    model = Tied()
    tie = draw.flag()
    buffers = {"count": B.zeros(())}
    see("output", B.func.functional_call(model, {"one": w}, x, tie_weights=tie))
    see.raises("both", lambda: B.func.functional_call(model, {"one": w, "two": x}, x, {"scale": 2}, tie_weights=tie))
    see("the same for both", B.func.functional_call(model, {"one": w, "two": w}, x, tie_weights=tie))
    see("output with buffers", B.func.functional_call(model, buffers, x))
    see("buffers after", buffers)
    see("its own buffer after", model.count)
    models = [Tied() for _ in range(draw.integer(1, 3))]
    parameters, buffers = B.func.stack_module_state(models)
    see("parameters", parameters)
    see("buffers", buffers)
    see("all at once", B.vmap(lambda p, b: B.func.functional_call(models[0], (p, b), (x,)))(parameters, buffers))
    see.raises("no models", lambda: B.func.stack_module_state([]))
    see.raises("of several classes", lambda: B.func.stack_module_state([Tied(), B.nn.Linear(1, 1)]))
    see.raises("in several modes", lambda: B.func.stack_module_state([Tied(), Tied().eval()]))
    see.raises("that differ", lambda: B.func.stack_module_state([Tied(), Tied().requires_grad_(False)]))


@program
def without_writes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,))

    def viewed(a):
        y = a * 2
        y[0:1].add_(a[1:2])
        return y, y.view(3, 1).mul_(a.sum())

    def written(a):
        a.mul_(3)
        a[1:].add_(a[:1])
        return a, a.sum()

    def in_place(a):
        total = B.zeros(3)
        for _ in range(3):
            total.add_(a).mul_(a)
        return {"total": total, "more": [B.mul(a, a, out=B.empty(3))]}

    f = draw.choice([viewed, written, in_place, lambda a: a, lambda a: (a.view(3, 1), 3, None)])
    remove = draw.choice(["mutations", "mutations_and_views", "views", None, ""])
    see.raises("a word", lambda: B.func.functionalize(f, remove=remove)(x.clone()))
    given = x.clone()
    made = B.func.functionalize(f)(given)
    see("result", made)
    see("the very argument", made is given)
    see("the argument", given.tolist())
    see("name", B.func.functionalize(f).__name__)

    def loss(a):
        result = f(a * 1)
        return (result["total"] if isinstance(result, dict) else result[0] if isinstance(result, tuple) else result).pow(2).sum()

    if f is not in_place:  # which writes to `out=` what is tracked
        see("gradient", B.func.grad(B.func.functionalize(loss))(x))
        leaf = x.clone().requires_grad_()
        B.func.functionalize(loss)(leaf).backward()
        see("gradient of a leaf", leaf.grad)
    see.raises("a leaf written to", lambda: B.func.functionalize(lambda a: a.add_(1))(x.clone().requires_grad_()))


@program
def rearranged(B: Any, draw: Any, see: Any) -> None:
    shape = (2, draw.integer(1, 3), 4)
    x = draw.floats(shape, None, True)
    x = draw.choice([lambda: x, lambda: (x * 1).transpose(0, 2).contiguous().transpose(0, 2), lambda: (x * 1).flip(0)])()
    patterns = [
        "a b c -> c b a",
        "a b c -> a b c",
        "a b c -> (a b) c",
        "a b c -> b (c a)",
        "a b (c d) -> (a c) b d",
        "a b (c d) -> d a b c",
        "a b ... -> ... (a b)",
        "a ... -> ... 1 a",
        "... -> ...",
        "... a -> (a ...)",
        "... -> (...)",
        "a b c -> () a (b c) 1",
        "a 1 c -> c a",
        "(a 1) b c -> a (b c)",
        "a b c -> a b",
        "a a c -> a c",
        "a b 3 -> a b",
        "a 0 c -> a c",
        "a b c",
        "a -> b -> c",
        "a ((b c)) d -> a",
        "(a b c -> a b c",
        "a) b c -> a b c",
        "a? b c -> a b c",
        "_a b c -> _a b c",
        "a . c -> a c",
        "a b c -> ... a",
        "(a ...) c -> a c ...",
        "a b -> b a",
        "a b c d ... -> a b c d ...",
        "a (b d) (c e) -> a b c d e",
        "2a b c -> 2a b c",
        "for b c -> c b for",
        "axis b c -> c b axis",
    ]
    pattern = draw.choice(patterns)
    lengths = draw.choice([{}, {"c": 2}, {"d": 2}, {"c": 3}, {"c": 2, "d": 2}, {"c": 1, "d": 3}, {"a": 2}, {"a": 5}, {"a": 2.5}, {"a": 0}])

    def rearranged():
        y = B.func.rearrange(x, pattern, **lengths)
        see("strides", y.stride())
        see("the same memory", y.data_ptr() == x.data_ptr())
        if y.grad_fn is not None:
            see.graph("graph", y)
            see("gradient", B.autograd.grad(y, x, y.detach()))
        return y

    see.warns("warnings", lambda: see.raises("result", rearranged))
    see("stacked", B.func.rearrange([x, x * 2], "two a b c -> (a two) c b"))
    see("of samples", B.vmap(lambda a: B.func.rearrange(a, "a b -> b a"))(x).detach())


@program
def what_is_behind_a_tensor(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), None, draw.flag())
    unwrap = B.func.debug_unwrap

    def looked(name, t):
        see(name, unwrap(t))
        see.same(name + " is the argument", unwrap(t), x)
        see(name + ", once", list(unwrap(t, recurse=False).shape))

    def f(a):
        looked("an input", a)
        b = a * 2
        looked("a result", b)
        looked("a constant", B.ones(2))
        return b.sum()

    def by_samples(a):
        return B.vmap(f)(a).sum()

    transform = draw.choice(
        [
            lambda: B.func.grad(f)(x),
            lambda: B.vmap(f)(x),
            lambda: B.vmap(B.vmap(f))(x),
            lambda: B.vmap(B.func.grad(f))(x),
            lambda: B.func.grad(by_samples)(x),
            lambda: B.func.grad(lambda a: B.func.grad(f)(a).sum())(x),
            lambda: B.func.vjp(f, x)[0],
            lambda: f(x),
        ]
    )
    see("transformed", transform())
    see.raises("of a number", lambda: unwrap(3))

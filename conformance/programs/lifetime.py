"""How long graphs, tensors and closures live: weak references with the garbage collector off, and graphs of many nodes."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def without_cycles(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    class Mark:
        pass

    def plain(x):
        return x * 2

    def retained(x):
        y = x * 2
        y.retain_grad()
        y.backward(seed)
        return y

    def hooked(x):
        y = x * 2
        mark = Mark()
        y.register_hook(lambda g: (mark, None)[1])
        marks.append(weakref.ref(mark))
        return y

    def with_node_hooks(x):
        y = x.exp()
        mark = Mark()
        y.grad_fn.register_hook(lambda i, o: (mark, None)[1])
        y.grad_fn.register_prehook(lambda o: (mark, None)[1])
        marks.append(weakref.ref(mark))
        return y

    def saved(x):
        return (x.exp() * x).tanh()

    def through_a_view(x):
        y = x * 1
        y[:1].mul_(2)
        return y

    def metadata(x):
        y = x * 2
        mark = y.grad_fn.metadata["mark"] = Mark()
        marks.append(weakref.ref(mark))
        return y

    def looked_at(x):
        y = x * 2
        see("edges", len(y.grad_fn.next_functions))
        return y

    make = draw.choice([plain, retained, hooked, with_node_hooks, saved, through_a_view, metadata, looked_at])
    seed = draw.floats((2,))
    marks: list[Any] = []
    gc.disable()
    try:
        x = draw.floats((2,), requires_grad=True)
        y = make(x)
        marks.append(weakref.ref(y))
        see("alive", [one() is not None for one in marks])
        del y
        see("dead", [one() is None for one in marks])
        leaf = weakref.ref(x)
        del x
        see("the leaf is dead", leaf() is None)
    finally:
        gc.enable()


@program
def hooks_of_saved_results_make_no_cycle(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    class Mark:
        pass

    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            result = a * 2
            ctx.save_for_backward(a, result)
            return result

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[1]

    gc.disable()
    try:
        x = draw.floats((2,), requires_grad=True) * 1
        y = draw.choice([lambda: Double.apply(x), x.exp, lambda: (x * 1).sigmoid_()])()
        node = y.grad_fn
        raw = node._raw_saved_tensors[draw.integer(0, 1)] if node.name() == "DoubleBackward" else node._raw_saved_result
        raw.register_hooks(lambda t: t.detach().clone(), lambda t: t * 2)
        mark = node.metadata["mark"] = Mark()
        ref = weakref.ref(mark)
        if draw.flag():
            see("gradient", B.autograd.grad(y, x, draw.floats((2,)), retain_graph=draw.flag()))
        del mark, raw, node, y
        see("dead", ref() is None)
    finally:
        gc.enable()


@program
def what_a_backward_was_given_dies_with_it(B: Any, draw: Any, see: Any) -> None:
    """Hooks that last know of each backward, and keep nothing of it."""
    import gc
    import weakref

    gc.disable()
    try:
        a, b = (draw.floats((2,), requires_grad=True) for _ in range(2))
        c = a * b
        mode = draw.choice(["any", "all"])
        fails = draw.flag()
        seed = draw.floats((2,))
        hooks = [
            lambda: B.autograd.graph.register_multi_grad_hook((a, b), lambda gs: 1 // 0 if fails else None, mode=mode),
            lambda: c.register_hook(lambda g: g * 2),
            lambda: c.grad_fn.register_hook(lambda into, outof: (into[0] * 2, into[1])),
            lambda: a.register_post_accumulate_grad_hook(lambda p: p.grad.mul_(2)),
            lambda: None,
        ]
        handle = draw.choice(hooks)()
        seeds = [seed]
        ref = weakref.ref(seed)
        del seed
        see.raises("backward", lambda: c.backward(seeds.pop(), retain_graph=draw.flag()))
        see("the seed is dead", ref() is None)
        see("gradients", [a.grad, b.grad])
        del handle
    finally:
        gc.enable()


@program
def a_node_keeps_what_is_behind_it(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    gc.disable()
    try:
        x = draw.floats((2,), requires_grad=True)
        y = x * 2
        z = y.exp()
        refs = [weakref.ref(t) for t in (x, y, z)]
        node = z.grad_fn
        del y, z
        see("without the results", [one() is not None for one in refs])
        del x
        see("without the leaf", [one() is not None for one in refs])
        see("names", [node.name(), node.next_functions[0][0].name()])
        leaf = node.next_functions[0][0].next_functions[0][0].variable
        see("the leaf", leaf)
        node(draw.floats((2,)))
        see("leaf.grad", leaf.grad)
        del leaf, node
        see("without the node", [one() is not None for one in refs])
    finally:
        gc.enable()


@program
def a_hook_that_holds_its_node(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    gc.freeze()  # collecting then looks at what is made here alone

    class Mark:
        pass

    def hook(node, mark):
        return lambda g: (node, mark, see("gradient", g))[2]

    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    mark = Mark()
    y.register_hook(hook(y.grad_fn, mark))
    ref = weakref.ref(mark)
    del mark
    gc.collect()
    see("alive with the graph", ref() is not None)
    y.backward(draw.floats((2,)))
    del y
    gc.collect()
    see("dead without", ref() is None)
    gc.unfreeze()


@program
def a_context_that_holds_its_output(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    gc.freeze()  # collecting then looks at what is made here alone

    class Keep(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = draw.floats((2,), requires_grad=True)
    y = Keep.apply(x)
    y.grad_fn.output = y
    ref = weakref.ref(y)
    y.backward(draw.floats((2,)))
    del y
    gc.collect()
    see("dead", ref() is None)
    see("x.grad", x.grad)
    gc.unfreeze()


@program
def what_contexts_save_dies_with_them(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    class Mark:
        pass

    marks = []

    class Keep(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            result = a.exp()
            ctx.mark = Mark()
            marks.append(weakref.ref(ctx.mark))
            ctx.save_for_backward(a, result)
            return result

        @staticmethod
        def backward(ctx, g):
            _, result = ctx.saved_tensors
            return g * result

    gc.disable()
    try:
        x = draw.floats((2,), requires_grad=True)
        y = Keep.apply(x)
        marks.append(weakref.ref(y))
        if draw.flag():
            y.backward(draw.floats((2,)))
        see("alive", [one() is not None for one in marks])
        del y
        see("alive after", [one() is not None for one in marks])
    finally:
        gc.enable()


@program
def saved_values_are_freed_by_backward(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    gc.disable()
    try:
        x = draw.floats((2,), requires_grad=True)
        factor = draw.floats((2,))
        ref = weakref.ref(factor)
        y = x * factor
        del factor
        see("kept", ref() is not None)
        y.backward(draw.floats((2,)), retain_graph=True)
        see("kept by retain_graph", ref() is not None)
        y.backward(draw.floats((2,)))
        see("freed", ref() is None)
        see("x.grad", x.grad)
    finally:
        gc.enable()


@program
def post_accumulate_hooks_live_as_long_as_the_tensor(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    class Mark:
        pass

    gc.disable()
    try:
        mark = Mark()
        ref = weakref.ref(mark)
        x = draw.floats((2,), requires_grad=True)
        handle = x.register_post_accumulate_grad_hook(lambda t, mark=mark: (mark, None)[1])
        del mark
        (x * 2).backward(draw.floats((2,)))
        see("alive", ref() is not None)
        if draw.flag():
            handle.remove()
            see("after removal", ref() is not None)
        del x
        see("after the tensor", ref() is not None)
    finally:
        gc.enable()


@program
def a_gradient_with_a_graph_is_a_cycle(B: Any, draw: Any, see: Any) -> None:
    import gc
    import warnings
    import weakref

    gc.freeze()  # collecting then looks at what is made here alone

    class Mark:
        pass

    x = draw.floats((2,), requires_grad=True)
    y = x * x
    mark = Mark()
    y.grad_fn.metadata["mark"] = mark
    ref = weakref.ref(mark)
    del mark
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y.backward(draw.floats((2,)), create_graph=True)
    see("x.grad", x.grad)
    x.grad = None
    del y
    gc.collect()
    see("dead once the gradient is gone", ref() is None)
    gc.unfreeze()


@program
def detached_tensors_do_not_keep_their_source(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    gc.disable()
    try:
        x = draw.floats((2,), requires_grad=True)
        y = x * 2
        refs = [weakref.ref(x), weakref.ref(y)]
        z = draw.choice([lambda t: t.detach(), lambda t: t.data, lambda t: t.clone().detach(), lambda t: t.detach()[:1]])(y)
        see("alive", [one() is not None for one in refs])
        del x, y
        see("left", [one() is not None for one in refs])
        see("z", z)
    finally:
        gc.enable()


@program
def a_view_keeps_its_base(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    gc.disable()
    try:
        x = draw.floats((2, 2))
        row = x[0]
        ref = weakref.ref(x)
        del x
        see("alive", ref() is not None)
        see.same("the base", row._base, ref())
        row = row.clone()
        see("alive", ref() is not None)
    finally:
        gc.enable()


@program
def long_chains_are_freed(B: Any, draw: Any, see: Any) -> None:
    class Add(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return g, None

    def out_of_place(y):
        return y + 1

    def in_place(y):
        return y.add_(1)

    def with_two(y):
        return y + y * 0.5

    step = draw.choice([out_of_place, in_place, with_two, lambda y: Add.apply(y, one)])
    count = draw.choice([*[100, 200, 300] * 13, 150_000])
    one = draw.floats((1,))
    x = draw.floats((1,), requires_grad=True)
    y = x * 1
    for _ in range(count):
        y = step(y)
    see("requires_grad", y.requires_grad)
    if draw.flag():
        y.backward(draw.floats((1,)))
    del y
    see("x.grad is there", x.grad is not None)


@program
def a_backward_in_a_finalizer(B: Any, draw: Any, see: Any) -> None:
    import gc

    gc.freeze()  # collecting then looks at what is made here alone

    class Late:
        def __init__(self):
            self.me = self
            self.x = draw.floats((2,), requires_grad=True)

        def __del__(self):
            with B.enable_grad():
                (self.x * 2).sum().backward()
            done.append(self.x.grad.tolist())

    class Collect(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            gc.collect()
            return g * 2

    done: list[Any] = []
    Late()
    x = draw.floats((2,), requires_grad=True)
    Collect.apply(x).backward(draw.floats((2,)))
    see("done", done)
    see("x.grad", x.grad)
    gc.unfreeze()


@program
def what_a_context_was_given_holds_its_output(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    gc.freeze()  # collecting then looks at what is made here alone
    gc.disable()

    class Keep(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, kept):
            result = a.clone()
            ctx.kept = kept
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, g):
            (result,) = ctx.saved_tensors
            see("kept", sorted(ctx.kept))
            return g * result, None

    try:
        x = draw.floats(draw.shape(), draw.dtype(), requires_grad=True)
        kept = {}
        y = Keep.apply(x, kept)
        kept["result"] = y
        if draw.flag():
            y.backward(draw.floats(x.shape, x.dtype))
        ref = weakref.ref(y)
        del y, kept
        see("alive before collecting", ref() is not None)
        gc.collect()
        see("dead", ref() is None)
        see("x.grad", x.grad)
    finally:
        gc.enable()
        gc.unfreeze()


@program
def hooks_that_hold_nodes_survive_collecting(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    class Mark:
        pass

    class Same(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a.clone()

        @staticmethod
        def backward(ctx, g):
            return g

    def made():
        y = draw.choice([lambda: x.clone(), lambda: Same.apply(x)])()
        node, mark = y.grad_fn, Mark()

        def hook(*args):
            calls.append([node.name(), mark is not None])

        draw.choice([y.register_hook, node.register_hook, node.register_prehook])(hook)
        return draw.choice([lambda: y.clone(), lambda: y * y, lambda: y[:1].mul_(2)])(), weakref.ref(mark)

    gc.freeze()  # collecting then looks at what is made here alone
    gc.disable()
    try:
        calls: list[Any] = []
        x = draw.floats((2,), requires_grad=True)
        z, ref = made()
        seed = draw.floats(z.shape)
        z.backward(seed, retain_graph=True)
        gc.collect()
        z.backward(seed, retain_graph=draw.flag())
        see("alive with the graph", ref() is not None)
        del z
        gc.collect()
        see("dead without", ref() is None)
        see("calls", calls)
        see("x.grad", x.grad)
    finally:
        gc.enable()
        gc.unfreeze()


@program
def a_leaf_that_gets_another_shape(B: Any, draw: Any, see: Any) -> None:
    import gc

    gc.freeze()  # looking for what was recorded then is looking at what is made here alone
    shape, dtype = draw.shape(1, 2), draw.dtype()
    x = draw.floats(shape, dtype, requires_grad=True)
    made = [draw.choice([lambda: x * 2, lambda: x * x, lambda: x.exp(), lambda: B.stack([x, x])])() for _ in range(draw.integer(1, 2))]
    # of no fewer dimensions: PyTorch compares steps with what lies beyond those there are, see upstream/strides_beyond_the_end.py
    other = draw.floats(draw.shape(len(shape), 2), draw.dtype("float32", "float64"))
    change = draw.choice([lambda: x.set_(other.to(dtype)), lambda: setattr(x, "data", other), lambda: x.t_(), lambda: x.unsqueeze_(0)])
    if draw.flag():
        made.pop()
    seeds = [draw.floats(y.shape, dtype) for y in made]
    if draw.integer(0, 9) == 9:
        gc.freeze()  # what was recorded is found all the same, though among all there is
    try:
        with B.no_grad():
            see.raises("changed", lambda: (change(), None)[1])
        see("x", [tuple(x.shape), x.dtype, x.is_leaf])
        for y, seed in zip(made, seeds, strict=True):
            see.raises("backward", lambda y=y, seed=seed: y.backward(seed))
            see("x.grad", x.grad)
        x.grad = None
        z = x * 3
        see.raises("backward of what was recorded since", lambda: z.backward(draw.floats(z.shape, z.dtype)))
        see("x.grad since", x.grad)
    finally:
        gc.unfreeze()

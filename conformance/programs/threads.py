"""Several threads: separate graphs, a shared leaf, and one graph used by all."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def a_shared_leaf(B: Any, draw: Any, see: Any) -> None:
    import threading

    x = draw.floats((2,), requires_grad=True)
    factors = [draw.integer(1, 5) for _ in range(4)]
    threads = [threading.Thread(target=lambda k=k: (x * k).backward(B.ones(2))) for k in factors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    see("x.grad", x.grad)


@program
def one_graph_for_all(B: Any, draw: Any, see: Any) -> None:
    import threading

    x = draw.floats((2,), requires_grad=True)
    y = x * x
    threads = [threading.Thread(target=lambda: y.backward(B.ones(2), retain_graph=True)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    see("x.grad", x.grad)


@program
def an_error_stays_in_its_thread(B: Any, draw: Any, see: Any) -> None:
    import threading

    x = draw.floats((2,))
    said = []

    def work():
        try:
            x.backward(B.ones(2))
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    see("said", said)


@program
def hooks_run_in_the_thread_of_backward(B: Any, draw: Any, see: Any) -> None:
    import threading

    x = draw.floats((2,), requires_grad=True)
    names = []
    x.register_hook(lambda g: names.append(threading.current_thread().name))
    thread = threading.Thread(target=lambda: (x * 2).backward(B.ones(2)), name="worker")
    thread.start()
    thread.join()
    (x * 2).backward(draw.floats((2,)))
    see("names", ["worker" if name == "worker" else "main" for name in names])
    see("x.grad", x.grad)


@program
def ten_threads_and_one_leaf(B: Any, draw: Any, see: Any) -> None:
    import threading

    x = draw.floats((2,), requires_grad=True)
    separate = draw.flag()
    gradients: list[Any] = [None] * 10

    def work(k):
        y = x.detach().requires_grad_() if separate else x
        for _ in range(5):
            z = (y * k).relu() + y * y
            z.backward(B.ones(2)) if not separate else z.sum().backward()
        gradients[k] = y.grad if separate else B.autograd.grad((y * k).sum(), y)[0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    see("gradients", gradients)
    see("x.grad", x.grad)


@program
def one_graph_is_used_up(B: Any, draw: Any, see: Any) -> None:
    import threading

    x = draw.floats((2,), requires_grad=True)
    y = x * x
    said: list[Any] = []
    start = threading.Barrier(3)

    def work():
        start.wait()
        try:
            y.backward(B.ones(2))
            said.append("done")
        except RuntimeError as error:
            said.append("Specify retain_graph=True" in str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    see("some succeed", "done" in said)
    see("the others are told", all(one == "done" or one for one in said))


@program
def modes_of_new_threads(B: Any, draw: Any, see: Any) -> None:
    import threading

    fw = B.autograd.forward_ad
    modes = []

    def look():
        modes.append([B.is_grad_enabled(), B.is_inference_mode_enabled(), B.is_anomaly_enabled(), fw._current_level])

    mode = draw.choice([B.no_grad(), B.inference_mode(), B.enable_grad(), fw.dual_level()])
    with mode:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    see("modes", modes)


@program
def modes_inside_of_backward(B: Any, draw: Any, see: Any) -> None:
    modes = []

    class Look(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            modes.append([B.is_grad_enabled(), B.is_inference_mode_enabled(), B.is_anomaly_enabled()])
            return g * 2

    x = draw.floats((2,), requires_grad=True)
    y = Look.apply(x)
    create = draw.flag()
    with draw.choice([B.no_grad, B.enable_grad, B.no_grad])():
        B.autograd.grad(y, x, draw.floats((2,)), create_graph=create)
    see("modes", modes)


@program
def switching_threads_off(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd
    seen = [A.is_multithreading_enabled()]
    with A.set_multithreading_enabled(draw.flag()):
        seen.append(A.is_multithreading_enabled())
        with A.set_multithreading_enabled(True):
            seen.append(A.is_multithreading_enabled())
        seen.append(A.is_multithreading_enabled())
    seen.append(A.is_multithreading_enabled())
    A.set_multithreading_enabled(False)
    seen.append(A.is_multithreading_enabled())
    A.set_multithreading_enabled(True)
    seen.append(A.is_multithreading_enabled())
    see("enabled", seen)


@program
def an_error_keeps_its_traceback(B: Any, draw: Any, see: Any) -> None:
    import traceback

    class Fails(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            return fails(g)

    def fails(g):
        raise KeyError("a long way inside")

    x = draw.floats((2,), requires_grad=True)
    try:
        Fails.apply(x).backward(draw.floats((2,)))
    except KeyError as error:
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        see("names", [name for name in names if name in ("fails", "backward")][-2:])
        see("error", str(error))


@program
def modes_at_any_depth(B: Any, draw: Any, see: Any) -> None:
    """Backwards deep within others run in the modes of the outermost, in whatever thread."""
    seen, packed = [], []
    depth = draw.choice([2, 45, 70])

    class Nested(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, left):
            ctx.left = left
            return a * 1

        @staticmethod
        def backward(ctx, g):
            seen.append([B.is_grad_enabled(), B.is_anomaly_enabled(), B.autograd.is_multithreading_enabled(), len(packed)])
            if ctx.left:
                with B.enable_grad():
                    (Nested.apply(B.ones(2, requires_grad=True), ctx.left - 1) * factor).backward(g)
            return g, None

    factor = draw.floats((2,), requires_grad=True)
    y = Nested.apply(draw.floats((2,), requires_grad=True), depth)
    modes = [
        B.no_grad,
        lambda: B.autograd.set_multithreading_enabled(False),
        lambda: B.autograd.graph.saved_tensors_hooks(lambda t: (packed.append(1), t)[1], lambda t: t),
        lambda: B.autograd.set_detect_anomaly(True),
    ]
    with see.warns("warnings", draw.choice(modes)):
        y.backward(draw.floats((2,)))
    see("modes", seen)
    see("packed", len(packed))
    see("factor.grad", factor.grad)


@program
def an_error_keeps_its_traceback_at_any_depth(B: Any, draw: Any, see: Any) -> None:
    """Backwards deep within others go on in threads of their own: what is raised there tells the whole way."""
    import traceback

    class Nested(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, depth):
            ctx.depth = depth
            return a * 1

        @staticmethod
        def backward(ctx, g):
            if not ctx.depth:
                fails()
            with B.enable_grad():
                within(Nested.apply(leaf(), ctx.depth - 1), g)
            return g, None

    def leaf():
        return B.ones(2, requires_grad=True)

    def within(y, g):
        y.backward(g)

    def fails():
        raise KeyError("a long way inside")

    x = draw.floats((2,), requires_grad=True)
    y = Nested.apply(x, draw.choice([1, 5, 20, 45, 70]))
    try:
        y.backward(draw.floats((2,)))
    except KeyError as error:
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        see("how often", [names.count(name) for name in ("fails", "within")])
        see("the last", names[-1])
    see("x.grad", x.grad)


@program
def saved_hooks_belong_to_their_thread(B: Any, draw: Any, see: Any) -> None:
    import threading

    x = draw.floats((2,), requires_grad=True)
    packed = []

    def work():
        (x * x).backward(B.ones(2))

    with B.autograd.graph.saved_tensors_hooks(lambda t: (packed.append(1), t)[1], lambda t: t):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        see("packed in the other", len(packed))
        work()
    see("packed", len(packed))
    see("x.grad", x.grad)


@program
def several_hooks_where_one_thread_fails(B: Any, draw: Any, see: Any) -> None:
    import threading

    a, b = (draw.floats((2,), requires_grad=True) for _ in range(2))
    calls = []
    fails = draw.integer(0, 3)

    class Fails(B.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            ctx.k = k
            return x * 1

        @staticmethod
        def backward(ctx, g):
            if ctx.k == fails:
                raise ValueError("in one thread")
            return g, None

    B.autograd.graph.register_multi_grad_hook((a, b), lambda grads: calls.append([g is not None for g in grads]))
    said = []

    def work(k):
        try:
            (a * Fails.apply(b * 2, k)).sum().backward()
        except ValueError as error:
            said.append(str(error))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    see("calls", calls)
    see("said", said)


@program
def how_many_work_on_one_operation(B: Any, draw: Any, see: Any) -> None:
    before = B.get_num_threads()
    try:
        B.set_num_threads(draw.integer(1, 3))
        see("as set", B.get_num_threads())
        see("a sum then", B.ones(3).sum())
        see.raises("no positive int", lambda: B.set_num_threads(draw.choice([0, -1, 1.5, "2", True, None])))
        see("as before", B.get_num_threads())
    finally:
        B.set_num_threads(before)


def joined(work: Any, count: int) -> None:
    """Runs `work(k)` for each k below `count`, each in a thread of its own, and waits for them."""
    import threading

    threads = [threading.Thread(target=work, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@program
def graphs_drawn_for_each_thread(B: Any, draw: Any, see: Any) -> None:
    shape, count = draw.shape(), draw.integer(2, 10)
    x = draw.integers(shape, 1, 4).double().requires_grad_()  # sums of whole numbers do not depend on their order
    kinds = [draw.choice(["product", "sum", "view", "write", "twice"]) for _ in range(count)]
    seeds = [draw.integers(shape, -3, 3).double() for _ in range(count)]
    by_grad = draw.flag()
    found: list[Any] = [None] * count

    def work(k):
        y = x * (k + 1)
        if kinds[k] == "product":
            y = y * x
        elif kinds[k] == "sum":
            y = y + x
        elif kinds[k] == "view":
            y = y.view(-1).view(shape) * 2
        elif kinds[k] == "write":
            y.mul_(3)
        else:
            (y,) = B.autograd.grad((y * x).sum(), x, create_graph=True)
        if by_grad:
            (found[k],) = B.autograd.grad(y, x, seeds[k])
        else:
            y.backward(seeds[k])

    joined(work, count)
    see("gradients", found)
    see("x.grad", x.grad)


@program
def one_drawn_graph_for_all(B: Any, draw: Any, see: Any) -> None:
    shape, count = draw.shape(), draw.integer(2, 6)
    x = draw.integers(shape, 1, 4).double().requires_grad_()
    y = draw.choice([lambda: x * x, lambda: x + 1, lambda: (x * 2).view(-1).clone() * 3, lambda: x.sum(), lambda: x.expand(2, *shape)])()
    seed = draw.integers(y.shape, -3, 3).double()
    retain = draw.flag()
    said: list[Any] = []
    calls: list[Any] = []
    y.register_hook(lambda g: calls.append(1))

    def work(k):
        try:
            y.backward(seed, retain_graph=retain)
            said.append("done")
        except RuntimeError as error:
            said.append("Specify retain_graph=True" in str(error))

    joined(work, count)
    see("somebody succeeds", "done" in said)
    if retain or y.grad_fn.name() in ("AddBackward0", "SumBackward0", "ExpandBackward0"):  # the latter save nothing that could be freed
        see("said", said)
        see("calls", len(calls))
        see("x.grad", x.grad)
    else:
        see("or is told", all(one in ("done", True) for one in said))


@program
def switched_off_by_function_and_context(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd
    x = draw.floats(draw.shape(), requires_grad=True)
    seen = []
    try:
        for _ in range(draw.integer(1, 4)):
            flag, how = draw.flag(), draw.choice(["function", "context", "error", "backward", "kept"])
            if how == "function":
                A.set_multithreading_enabled(flag)
            elif how == "kept":
                kept = A.set_multithreading_enabled(flag)
                seen.append(A.is_multithreading_enabled())
                with kept:
                    seen.append(A.is_multithreading_enabled())
            else:
                try:
                    with A.set_multithreading_enabled(flag):
                        seen.append(A.is_multithreading_enabled())
                        if how == "backward":
                            x.register_hook(lambda g: seen.append(A.is_multithreading_enabled()))
                            (x * 2).backward(draw.floats(x.shape))
                        elif how == "error":
                            raise KeyError("inside")
                except KeyError:
                    pass
            seen.append(A.is_multithreading_enabled())
        others: list[Any] = []
        joined(lambda k: others.append(A.is_multithreading_enabled()), 1)
        see("in another thread", others)
    finally:
        A.set_multithreading_enabled(True)
    see("seen", seen)
    see("x.grad", x.grad)
    see.raises("no flag", lambda: A.set_multithreading_enabled("text"))


@program
def several_hooks_of_drawn_tensors_in_threads(B: Any, draw: Any, see: Any) -> None:
    shape, count, mode = draw.shape(), draw.integer(2, 5), draw.choice(["all", "any"])
    leaves = [draw.integers(shape, 1, 4).double().requires_grad_() for _ in range(draw.integer(1, 3))]
    seed = draw.integers(shape, 1, 4).double()
    fails = [draw.flag() for _ in range(count)]
    calls: list[Any] = []
    said: list[Any] = []

    def hook(grads):
        calls.append([g is None for g in grads] if mode == "all" else "one")

    class Fails(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, k):
            ctx.k = k
            return a * 1

        @staticmethod
        def backward(ctx, g):
            if fails[ctx.k]:
                raise ValueError("in one thread")
            return g, None

    B.autograd.graph.register_multi_grad_hook(leaves, hook, mode=mode)

    def work(k):
        try:
            sum(Fails.apply(one, k) * (k + 1) for one in leaves).backward(seed)
        except ValueError as error:
            said.append(str(error))

    joined(work, count)
    see("calls", calls)
    see("said", said)
    see("gradients", [one.grad for one in leaves])

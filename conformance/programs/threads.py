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

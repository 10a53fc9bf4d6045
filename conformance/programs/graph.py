"""The graph as an object: names, edges, identity of nodes, sequence numbers and gradient edges."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def names_of_nodes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    arithmetic = [x + x, x - x, x * x, x / x, x**2, 2**x, -x, x @ x, x.exp(), x.log(), x.sqrt(), x.abs(), x.relu(), x.sigmoid(), x.tanh()]
    reductions = [x.sum(), x.sum(0), x.mean(), x.prod(), x.max(), x.max(0)[0], x.norm(), x.std(), x.var(), x.amax(), x.logsumexp(0)]
    views = [x.t(), x[0], x[:1], x.view(4), x.reshape(4), x.flatten(), x.unsqueeze(0), x.squeeze(), x.permute(1, 0), x.transpose(0, 1)]
    pieces = [x.expand(3, 2, 2), x.diagonal(), x.chunk(2)[0], x.unbind()[1], x[x > 0], x[[0, 1]], x.gather(0, (x * 0).long()), x.topk(1)[0]]
    others = [x.clone(), x.double(), x.clamp(0, 1), x.pow(x), x.softmax(0), x.log_softmax(1), x.cumsum(0), x.sort()[0], x.tril(), x.flip(0)]
    joined = [B.cat([x, x]), B.stack([x, x]), B.where(x > 0, x, x), x.masked_fill(x > 0, 0), x.repeat(2, 1), x.roll(1)]
    for kind in (arithmetic, reductions, views, pieces, others, joined):
        see("names", [one.grad_fn.name() for one in kind])
        see("types", [type(one.grad_fn).__name__ for one in kind])


@program
def walking_the_edges(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,))
    h = x * 3
    z = h + y
    see("edges of z", z.grad_fn.next_functions)
    see.same("its first input", z.grad_fn.next_functions[0][0], h.grad_fn)
    see("edges of h", h.grad_fn.next_functions)
    leaf = h.grad_fn.next_functions[0][0]
    see("the leaf's node", leaf)
    see("its type", type(leaf).__name__)
    see.same("its variable", leaf.variable, x)
    see("edges of the leaf", leaf.next_functions)
    see.same("reading twice", z.grad_fn, z.grad_fn)
    see.same("one node for one leaf", (x + x).grad_fn.next_functions[0][0], (x * x).grad_fn.next_functions[1][0])


@program
def several_outputs_of_one_node(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((4,), requires_grad=True)
    first, second = (x * 1).chunk(2)
    see("output numbers", [first.output_nr, second.output_nr, x.output_nr])
    see.same("one node", first.grad_fn, second.grad_fn)
    y = first + second
    see("edges", y.grad_fn.next_functions)
    see.graph("graph", y)


@program
def a_shared_subexpression(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x.exp()
    z = y * y + y
    see.graph("graph", z)


@program
def gradient_edges(B: Any, draw: Any, see: Any) -> None:
    graph = B.autograd.graph
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    edge = graph.get_gradient_edge(y)
    see("edge of y", [edge.node, edge.output_nr])
    leaf = graph.get_gradient_edge(x)
    see("edge of x", [leaf.node, leaf.output_nr])
    see.raises("edge of a constant", lambda: graph.get_gradient_edge(draw.floats((2,))))
    z = y * y
    y.mul_(2)
    see.raises("gradient at the edge", lambda: B.autograd.grad(z, edge, draw.floats((2,)), retain_graph=True))
    w = y.exp()
    see("gradient at the old value", B.autograd.grad(w, edge, draw.floats((2,)), retain_graph=True))
    see("gradient from an edge", B.autograd.grad(graph.get_gradient_edge(w), x, draw.floats((2,))))


@program
def metadata_and_sequence(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    z = y + 1
    y.grad_fn.metadata["note"] = draw.number()
    see("metadata", y.grad_fn.metadata)
    see("another's", z.grad_fn.metadata)
    see("later numbers are higher", z.grad_fn._sequence_nr() > y.grad_fn._sequence_nr())


@program
def order_of_execution(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats((2,), requires_grad=True)
    nodes = [x * 1]
    for i in range(draw.integer(1, 6)):
        a, b = nodes[draw.integer(0, len(nodes) - 1)], nodes[draw.integer(0, len(nodes) - 1)]
        made = draw.choice([lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a.exp(), lambda a, b: -a])(a, b)
        made.register_hook(lambda g, i=i: order.append(i))
        nodes.append(made)
    sum(nodes).backward(draw.floats((2,)))
    see("order", order)
    see.values("x.grad", x.grad)


@program
def constants_have_no_edge(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    c = draw.floats((2,))
    for y in (
        x + 1,
        1 + x,
        x * 2,
        x * c,
        c * x,
        c - x,
        x / 3,
        3 / x,
        B.where(c > 0, x, c),
        B.cat([c, x, c]),
        B.addmm(c, B.ones(2, 2), x.expand(2, 2)),
        c**x,
        x**c,
    ):
        see.graph("graph", y)


@program
def a_detached_graph_dies(B: Any, draw: Any, see: Any) -> None:
    import weakref

    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    z = y * y
    alive = weakref.ref(y)
    del y
    see("the middle tensor lives with the graph", alive() is not None)
    del z
    see("and without it", alive() is not None)


@program
def printed(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(), requires_grad=True)
    see("leaf", repr(x))
    see("result", repr(x * 2))
    see("view", repr(x.view(-1)))
    see("detached", repr(x.detach()))
    see("node", repr((x * 2).grad_fn))
    see("in place", repr(x.clone().add_(1)))


@program
def every_edge_leads_to_the_node_of_its_input(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 2), draw.dtype("float32", "float64", "complex64")
    made = [draw.floats(shape, dtype, requires_grad=True), draw.floats(shape, dtype), draw.floats(shape, dtype, requires_grad=True)]
    for _ in range(draw.integer(1, 5)):
        a, b = draw.choice(made), draw.choice(made)
        made.append(
            draw.choice(
                [
                    lambda a, b: a + b,
                    lambda a, b: a * b,
                    lambda a, b: a - 2,
                    lambda a, b: 3 / a,
                    lambda a, b: B.stack([a, b, a])[1],
                    lambda a, b: B.where(a == b, a, b),
                    lambda a, b: a.clone().add_(b),
                    lambda a, b: a.unbind()[-1].expand(shape),
                    lambda a, b: B.addcmul(a, b, a),
                ]
            )(a, b)
        )

    def of(node):
        """The number of the tensor a node belongs to."""
        if node is None:
            return None
        if hasattr(node, "variable"):
            return [i for i, one in enumerate(made) if one is node.variable]
        return [i for i, one in enumerate(made) if one.grad_fn is node]

    for i, one in enumerate(made):
        if one.grad_fn is not None:
            see(f"node {i}", [one.grad_fn.name(), one.output_nr])
            see(f"edges {i}", [[of(node), at] for node, at in one.grad_fn.next_functions])
            see.graph(f"graph {i}", one)


@program
def printed_in_every_state(B: Any, draw: Any, see: Any) -> None:
    class Func(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            return g

    def silently(view):
        with B.no_grad():
            made = view(base)
            made.mul_(2)
        return made

    x = draw.floats(draw.shape(1, 3, empty=True), draw.dtype("float32", "float64", "float16", "bfloat16", "complex64"), requires_grad=True)
    base = x * 1
    states = {
        "of a function": lambda: Func.apply(x),
        "of a write": lambda: base.clone().mul_(2),
        "written view": lambda: base.view_as(base).mul_(2),
        "written base": lambda: (base.mul_(2), base)[1],
        "silent view": lambda: silently(lambda t: t.view(-1)),
        "silent alias": lambda: silently(lambda t: t.detach()),
        "a cast": lambda: x.to(B.float64 if x.dtype != B.float64 else B.float32),
        "several": lambda: x.unbind(-1),
        "integers": lambda: x.real.long(),
        "parameter": lambda: B.nn.Parameter(x.detach()),
        "retained": lambda: (base.retain_grad(), base)[1],
        "its gradient": lambda: B.autograd.grad(base, x, base, create_graph=True),
        "inference": lambda: B.inference_mode()(lambda: x * 2)(),
    }
    name = draw.choice(list(states))
    see.raises(name, lambda: repr(states[name]()))
    see.raises("the base", lambda: repr(base))
    see.raises("node", lambda: str(base.grad_fn).split(" at ")[0])

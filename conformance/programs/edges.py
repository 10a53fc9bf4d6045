"""`GradientEdge`: places in the graph given to grad and backward instead of tensors."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def edges_as_inputs(B: Any, draw: Any, see: Any) -> None:
    edge_of = B.autograd.graph.get_gradient_edge
    x = draw.floats((2,), requires_grad=True)
    y = x * draw.number()
    z = y * y
    seed = draw.floats((2,))
    ends = draw.choice([(edge_of(y),), (edge_of(x), y), (x, edge_of(y), edge_of(z)), (edge_of(y), edge_of(y)), (edge_of(y), y)])
    see("gradient, by grad", B.autograd.grad(z, ends, seed, retain_graph=True))
    z.backward(seed, inputs=ends)
    see("x.grad", x.grad)
    see("y.grad", see.warns("reading it", lambda: y.grad))


@program
def edges_as_outputs(B: Any, draw: Any, see: Any) -> None:
    edge_of = B.autograd.graph.get_gradient_edge
    x = draw.floats((2,), requires_grad=True)
    y = (x * x).sum() if draw.flag() else x * x
    edge = edge_of(y)
    seed = draw.floats(y.shape)
    see.raises("gradient, with a cotangent", lambda: B.autograd.grad(edge, x, seed, retain_graph=True))
    see.raises("gradient, without", lambda: B.autograd.grad(edge, x, retain_graph=True))
    see.raises("gradient, in a tuple", lambda: B.autograd.grad((edge, y), (x,), (seed, seed), retain_graph=True))
    see.raises("of another shape", lambda: B.autograd.grad(edge, x, B.ones(3), retain_graph=True))
    see.raises("of another dtype", lambda: B.autograd.grad(edge, x, seed.to(B.complex64), retain_graph=True))
    see.raises("gradient, of doubles", lambda: B.autograd.grad(edge, x, seed.double(), retain_graph=True))
    see.raises("gradient, batched", lambda: B.autograd.grad(edge, x, B.stack([seed, seed]), retain_graph=True, is_grads_batched=True))
    see.raises("backward", lambda: B.autograd.backward(edge, seed, retain_graph=True))
    see.raises("x.grad", lambda: x.grad)


@program
def what_an_edge_is(B: Any, draw: Any, see: Any) -> None:
    graph = B.autograd.graph
    x = draw.floats((3,), requires_grad=True)
    y = x * 2
    pieces = y.unbind()
    for name, t in (("leaf", x), ("result", y), ("piece", pieces[draw.integer(0, 2)]), ("view", y[:1])):
        edge = graph.get_gradient_edge(t)
        see(name, [edge.node.name(), edge.output_nr, len(edge), type(edge).__name__])
        see(f"fields of {name}", list(edge._fields))
        see.same(f"its node, {name}", edge.node, t.grad_fn)
        see(f"equal, {name}", edge == graph.get_gradient_edge(t))
        see(f"is a node, {name}", isinstance(edge.node, graph.Node))
    see.same("the node of a leaf", graph.get_gradient_edge(x).node, y.grad_fn.next_functions[0][0])
    see.raises("of what requires none", lambda: graph.get_gradient_edge(draw.floats((2,))))
    see.raises("of a number", lambda: graph.get_gradient_edge(1.0))
    see.raises("of no node", lambda: B.autograd.grad(y, graph.GradientEdge(None, 0), B.ones(3)))


@program
def edges_made_by_hand(B: Any, draw: Any, see: Any) -> None:
    graph = B.autograd.graph
    x = draw.floats((3,), requires_grad=True)
    y = x * 2
    a, b, c = y.unbind()
    z = a * b * c
    by_hand = graph.GradientEdge(b.grad_fn, 1)
    see.raises("gradient, as input", lambda: B.autograd.grad(z, by_hand, retain_graph=True))
    see.raises("gradient, of another output", lambda: B.autograd.grad(z, graph.GradientEdge(b.grad_fn, 2), retain_graph=True))
    see.raises("gradient, as output", lambda: B.autograd.grad(graph.GradientEdge(z.grad_fn, 0), x, draw.floats(), retain_graph=True))
    see.raises("gradient, as output without cotangent", lambda: B.autograd.grad(graph.GradientEdge(z.grad_fn, 0), x, retain_graph=True))


@program
def an_edge_stays_with_the_old_value(B: Any, draw: Any, see: Any) -> None:
    edge_of = B.autograd.graph.get_gradient_edge
    x = draw.floats((2,), requires_grad=True)
    y = x * 1
    old = edge_of(y)
    y.mul_(draw.number())
    new = edge_of(y)
    seed = draw.floats((2,))
    see("gradient, both", B.autograd.grad(y * 3, (old, new, y), seed, retain_graph=True))
    see("gradient, of the old", B.autograd.grad(old, x, seed, retain_graph=True))
    see("gradient, of the new", B.autograd.grad(new, (x, old), seed))


@program
def an_edge_outlives_set(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    edge = B.autograd.graph.get_gradient_edge(x)
    y = x * draw.number()
    seed = draw.floats((2,))
    with B.no_grad():
        x.set_(draw.floats((2,)))
    see.raises("gradient, the tensor", lambda: B.autograd.grad(y, x, seed, retain_graph=True))
    see.raises("gradient, its edge", lambda: B.autograd.grad(y, edge, seed, retain_graph=True))


@program
def edges_that_are_not_used(B: Any, draw: Any, see: Any) -> None:
    edge_of = B.autograd.graph.get_gradient_edge
    x = draw.floats((2,), requires_grad=True)
    other = draw.floats((2,), requires_grad=True) * 2
    y = x * x
    seed = draw.floats((2,))
    see.raises("gradient, refused", lambda: B.autograd.grad(y, edge_of(other), seed, retain_graph=True))
    see.raises("gradient, allowed", lambda: B.autograd.grad(y, (x, edge_of(other)), seed, retain_graph=True, allow_unused=True))
    see.raises("gradient, materialized", lambda: B.autograd.grad(y, (x, edge_of(other)), seed, retain_graph=True, materialize_grads=True))
    see.raises("gradient, nothing to materialize", lambda: B.autograd.grad(y, edge_of(x), seed, retain_graph=True, materialize_grads=True))
    see.raises("backward", lambda: y.backward(seed, inputs=edge_of(other)))
    see("x.grad", x.grad)


@program
def hooks_on_the_node_of_an_edge(B: Any, draw: Any, see: Any) -> None:
    edge_of = B.autograd.graph.get_gradient_edge
    x = draw.floats((2,), requires_grad=True)
    y = x * draw.number()
    z = y * y
    node = edge_of(y).node
    node.register_prehook(lambda grads: see("gradient in pre-hook", grads))
    node.register_hook(lambda inputs, outputs: see("gradient in post-hook", [inputs, outputs]))
    y.register_hook(lambda g: see("gradient in tensor hook", g))
    ends = draw.choice([edge_of(y), edge_of(x), y, x])
    see("gradient, result", B.autograd.grad(z, ends, draw.floats((2,)), retain_graph=True))
    z.backward(draw.floats((2,)), inputs=ends)
    see("x.grad", x.grad)
    see.raises("a hook for several", lambda: B.autograd.graph.register_multi_grad_hook((edge_of(x), y), lambda grads: None))


@program
def an_edge_in_a_second_backward(B: Any, draw: Any, see: Any) -> None:
    edge_of = B.autograd.graph.get_gradient_edge
    x = draw.floats((2,), requires_grad=True)
    y = x * x
    z = y * x
    (first,) = B.autograd.grad(z, edge_of(x), draw.floats((2,)), create_graph=True)
    see.graph("graph", first)
    see("gradient, second", B.autograd.grad(edge_of(first), (edge_of(x), edge_of(y)), draw.floats((2,)), allow_unused=True))


@program
def next_functions_are_nodes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,), requires_grad=draw.flag())
    z = draw.choice(
        [lambda: x + y, lambda: x + 1, lambda: 2 * x, lambda: B.stack([x, y]), lambda: x.unbind()[1] * y[0], lambda: B.cat([y, x])]
    )()
    node = z.grad_fn
    see("edges", [[None if n is None else n.name(), at] for n, at in node.next_functions])
    see("types", [type(node.next_functions).__name__, type(node.next_functions[0]).__name__])
    for n, _ in node.next_functions:
        if n is not None and hasattr(n, "variable"):
            see.same("the leaf itself", n.variable, x)
    see.same("asked twice", node.next_functions[0][0], z.grad_fn.next_functions[0][0])
    see("leaf", [x.grad_fn, type(node).__name__])


@program
def the_higher_number_runs_first(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats((2,), requires_grad=True)
    branches = [x * 2, x.exp(), x.sin()]
    for branch in branches:
        branch.grad_fn.register_prehook(lambda grads, node=branch.grad_fn: order.append(node.name()))
    start = branches[0].grad_fn._sequence_nr()
    for branch in branches:
        branch.grad_fn._set_sequence_nr(start + draw.integer(0, 9))
    see("numbers", [branch.grad_fn._sequence_nr() - start for branch in branches])
    if len({branch.grad_fn._sequence_nr() for branch in branches}) == 3:
        B.autograd.backward(branches, [B.ones(2)] * 3)
        see("order", order)
    see("of the leaf", branches[0].grad_fn.next_functions[0][0]._sequence_nr())


@program
def edges_of_later_outputs_made_by_hand(B: Any, draw: Any, see: Any) -> None:
    """An edge that nobody asked a tensor for: its node knows the shapes of its outputs where there are several."""
    x = draw.floats((2, 2), requires_grad=True)
    y = draw.choice([lambda: x.unbind(), lambda: x.chunk(2), lambda: B.var_mean(x, 1)])()
    nr = draw.integer(0, 1)
    edge = B.autograd.graph.GradientEdge(y[0].grad_fn, nr)
    g = draw.floats(draw.choice([tuple(y[nr].shape), (3,), ()]))
    see.raises("gradient from it", lambda: B.autograd.grad(edge, x, g, retain_graph=True))
    see.raises("gradient from it, without one", lambda: B.autograd.grad(edge, x, retain_graph=True))
    see("gradient to it", B.autograd.grad(y[nr] * 2, edge, draw.floats(tuple(y[nr].shape)), retain_graph=True))


@program
def numbers_that_are_not_those_of_their_turn(B: Any, draw: Any, see: Any) -> None:
    """A node waits for all that comes to it, whatever its number says."""
    x = draw.floats((2,), requires_grad=True)
    a = x * draw.floats((2,))
    b = a * a
    c = a + b * draw.number()
    for one in (a, b, c):
        one.grad_fn._set_sequence_nr(draw.integer(0, 9))
    if draw.flag():
        (g,) = B.autograd.grad(c, x, draw.floats((2,)), create_graph=draw.flag())
        see("gradient", g)
    else:
        c.backward(draw.floats((2,)))
        see("x.grad", x.grad)


@program
def what_refuses_runs_first(B: Any, draw: Any, see: Any) -> None:
    """A node that only refuses to run has the number of leaves: it runs before all other nodes, and among leaves as they come."""

    class Silent(B.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> None:
            return None

    x = draw.floats((), requires_grad=True)
    before = x * 1
    refusing = draw.choice([lambda: B.floor_divide(x, 2), lambda: (x * 1).set_(B.ones(()))])()
    leaves = [draw.floats((), requires_grad=True) for _ in range(3)]
    behind = leaves[2] * 2
    see("number", refusing.grad_fn._sequence_nr())
    see("numbers between", behind.grad_fn._sequence_nr() - before.grad_fn._sequence_nr())
    roots = [refusing, *leaves[:2], behind][:: draw.choice([1, -1])]
    first = draw.integer(0, 3)
    roots = roots[first:] + roots[:first]
    run = draw.choice([lambda: B.autograd.backward(roots), lambda: B.stack(roots).sum().backward(), lambda: sum(roots).backward()])
    see.raises("backward", run)
    see("gradients", [leaf.grad for leaf in leaves])
    see.raises("where nothing arrives", lambda: Silent.apply(refusing).backward())
    see("gradient of itself", B.autograd.grad(refusing * 2, refusing))

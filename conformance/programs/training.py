"""Small models trained from beginning to end, with plain tensors and with modules and optimizers."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def line_fit_by_hand(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((4,))
    y = 2 * x + draw.number()
    w = draw.floats((), requires_grad=True)
    b = B.zeros((), requires_grad=True)
    for step in range(3):
        loss = ((w * x + b - y) ** 2).mean()
        see(f"loss {step}", loss)
        loss.backward()
        with B.no_grad():
            w -= 0.0625 * w.grad
            b -= 0.0625 * b.grad
            w.grad.zero_()
            b.grad = None
    see("w", w)
    see("b", b)


@program
def polynomial_fit(B: Any, draw: Any, see: Any) -> None:
    x = B.linspace(-1, 1, draw.integer(2, 6))
    y = x**3 - x
    coefficients = [draw.floats((), requires_grad=True) for _ in range(4)]
    for step in range(3):
        a, b, c, d = coefficients
        loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()
        see(f"loss {step}", loss)
        loss.backward()
        with B.no_grad():
            for one in coefficients:
                one -= 0.125 * one.grad
                one.grad = None
    see("coefficients", coefficients)


@program
def frozen_backbone_and_new_head(B: Any, draw: Any, see: Any) -> None:
    backbone = [draw.floats((3, 2), requires_grad=True), draw.floats((3,), requires_grad=True)]
    for parameter in backbone:
        parameter.requires_grad_(False)
    head = [draw.floats((2, 3), requires_grad=True), B.zeros(2, requires_grad=True)]
    data, labels = draw.floats((4, 2)), draw.integers((4,), 0, 1)
    for step in range(2):
        features = (data @ backbone[0].t() + backbone[1]).relu()
        see(f"features {step}", features)
        loss = B.nn.functional.cross_entropy(features @ head[0].t() + head[1], labels)
        see(f"loss {step}", loss)
        loss.backward()
        see(f"gradients {step}", [p.grad for p in backbone + head])
        with B.no_grad():
            for parameter in head:
                parameter -= 0.25 * parameter.grad
                parameter.grad.zero_()
    see("backbone", backbone)
    see("head", head)


@program
def frozen_backbone_with_modules(B: Any, draw: Any, see: Any) -> None:
    nn = B.nn
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4))
    with B.no_grad():
        for parameter in model.parameters():
            parameter.copy_(draw.floats(tuple(parameter.shape)))
    for parameter in model.parameters():
        parameter.requires_grad = False
    model[2] = nn.Linear(3, 2)
    with B.no_grad():
        for parameter in model[2].parameters():
            parameter.copy_(draw.floats(tuple(parameter.shape)))
    optimizer = B.optim.SGD(model.parameters(), lr=0.25, momentum=0.5)
    data, labels = draw.floats((4, 2)), draw.integers((4,), 0, 1)
    for step in range(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data), labels)
        see(f"loss {step}", loss)
        loss.backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        see(name, parameter)
        see(name + ".grad", parameter.grad)


@program
def two_layers_by_hand(B: Any, draw: Any, see: Any) -> None:
    data, target = draw.floats((3, 2)), draw.floats((3, 1))
    w1, w2 = draw.floats((2, 3), requires_grad=True), draw.floats((3, 1), requires_grad=True)
    for step in range(3):
        prediction = data.mm(w1).clamp(min=0).mm(w2)
        loss = (prediction - target).pow(2).mean()
        see(f"loss {step}", loss)
        loss.backward()
        with B.no_grad():
            w1 -= 0.03125 * w1.grad
            w2 -= 0.03125 * w2.grad
            w1.grad.zero_()
            w2.grad.zero_()
    see("w1", w1)
    see("w2", w2)


@program
def two_layers_with_modules(B: Any, draw: Any, see: Any) -> None:
    class Net(B.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = B.nn.Linear(2, 3)
            self.second = B.nn.Linear(3, 1)

        def forward(self, x):
            return self.second(self.first(x).tanh())

    net = Net()
    with B.no_grad():
        for parameter in net.parameters():
            parameter.copy_(draw.floats(tuple(parameter.shape)))
    see("printed", str(net))
    see("names", [name for name, _ in net.named_parameters()])
    optimizer = B.optim.SGD(net.parameters(), lr=0.125)
    data, target = draw.floats((3, 2)), draw.floats((3, 1))
    for step in range(2):
        optimizer.zero_grad()
        loss = B.nn.functional.mse_loss(net(data), target)
        see(f"loss {step}", loss)
        loss.backward()
        optimizer.step()
    for name, parameter in net.named_parameters():
        see(name, parameter)


@program
def forgetting_to_zero_the_gradient(B: Any, draw: Any, see: Any) -> None:
    w = draw.floats((2,), requires_grad=True)
    x = draw.floats((2,))
    for step in range(3):
        loss = (w * x).sum() ** 2
        loss.backward()
        see(f"w.grad {step}", w.grad)


@program
def updating_without_no_grad(B: Any, draw: Any, see: Any) -> None:
    w = draw.floats((2,), requires_grad=True)
    loss = (w * w).sum()
    loss.backward()

    def step():
        nonlocal w
        w -= 0.5 * w.grad

    see.raises("in place", step)
    w = w - 0.5 * w.grad
    see("out of place makes a non-leaf", w)
    loss = (w * w).sum()
    loss.backward()
    see("so its grad is None", see.warns("reading it", lambda: w.grad))


@program
def a_total_of_losses_keeps_the_graph(B: Any, draw: Any, see: Any) -> None:
    w = draw.floats((2,), requires_grad=True)
    total: Any = 0
    numbers = 0.0
    for _ in range(3):
        loss = (w * draw.floats((2,))).sum()
        total = total + loss
        numbers += loss.item()
    see("total", total)
    see("numbers", numbers)
    see.graph("graph", total)
    total.backward()
    see("w.grad", w.grad)


@program
def logistic_regression(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((4, 2)), draw.bools((4,)).float()
    w, b = B.zeros(2, requires_grad=True), B.zeros(1, requires_grad=True)
    for step in range(3):
        probability = B.sigmoid(x @ w + b)
        loss = -(y * probability.log() + (1 - y) * (1 - probability).log()).mean()
        see(f"loss {step}", loss)
        gradients = B.autograd.grad(loss, (w, b))
        with B.no_grad():
            for parameter, gradient in zip((w, b), gradients, strict=True):
                parameter.sub_(gradient, alpha=0.5)
    see("w", w)
    see("b", b)


@program
def evaluation_under_no_grad(B: Any, draw: Any, see: Any) -> None:
    data, labels = draw.floats((4, 3)), draw.integers((4,), 0, 2)
    w = draw.floats((3, 3), requires_grad=True)
    with B.no_grad():
        scores = data @ w
        predicted = scores.argmax(1)
        accuracy = (predicted == labels).float().mean()
    see("scores", scores)
    see("predicted", predicted)
    see("accuracy", accuracy.item())
    see("softmax", (data @ w).softmax(1))


@program
def clipping_gradients(B: Any, draw: Any, see: Any) -> None:
    w = draw.floats((3,), requires_grad=True)
    (w * w).backward(draw.floats((3,)))
    norm = w.grad.norm()
    with B.no_grad():
        if norm > 1:
            w.grad.mul_(1 / norm)
    see("norm", norm)
    see("w.grad", w.grad)
    see("utility", B.nn.utils.clip_grad_norm_([w], 0.5))
    see("w.grad after", w.grad)


@program
def targets_that_are_no_classes(B: Any, draw: Any, see: Any) -> None:
    """What `nll_loss` refuses first: another shape, another dtype, or a weight of another size; with empty batches, too."""
    scores = draw.choice([(2, 3), (0, 3), (3,), (1, 3), (2, 3, 2), (0, 3, 2), (2, 3, 0, 2)])
    target = draw.choice([(2,), (), (0,), (1,), (2, 2), (0, 2), (2, 0, 2)])
    dtype = draw.dtype("int64", "float32", "uint8", "int32", "bool")
    weight = draw.choice([lambda: None, lambda: B.ones(3), lambda: B.ones(2), lambda: B.ones(())])()
    x, y = draw.floats(scores, requires_grad=True), draw.integers(target, 0, 2).to(dtype)
    see.raises("loss", lambda: B.nn.functional.nll_loss(x, y, weight))


@program
def buffers_and_states_of_modules(B: Any, draw: Any, see: Any) -> None:
    class Own(B.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = B.nn.Parameter(draw.floats((2,)))
            self.register_buffer("kept", draw.floats((1,)))
            self.register_buffer("passing", draw.floats((1,)), persistent=False)
            self.register_buffer("none", None)
            self.register_parameter("nothing", None)
            self.inner = B.nn.Linear(2, 2)

        def forward(self, x):
            return self.inner(x * self.weight) + self.kept * self.passing

    module = Own()
    with B.no_grad():
        module.inner.weight.copy_(draw.floats((2, 2)))
        module.inner.bias.copy_(draw.floats((2,)))
    change = draw.choice(["none", "assigned", "registered again", "deleted"])
    if change == "assigned":
        module.passing = draw.floats((2,))
    elif change == "registered again":
        module.register_buffer("passing", draw.floats((2,)))
    elif change == "deleted":
        del module.kept
    state = module.state_dict(keep_vars=draw.flag())
    see("state", state)
    see("names", [[name for name, _ in module.named_buffers()], [name for name, _ in module.named_parameters()]])
    less = {name: value for name, value in state.items() if name != "weight"}
    given = draw.choice([state, less, {**state, "more": draw.floats((1,))}, {**state, "weight": draw.floats((3,))}])
    strict = draw.flag()
    see.raises("loaded", lambda: str(module.load_state_dict(given, strict=strict)))
    see.raises("result", lambda: module(draw.floats((1, 2))))


@program
def forward_hooks_that_change_what_passes(B: Any, draw: Any, see: Any) -> None:
    class Double(B.nn.Module):
        def forward(self, x, y=1.0):
            return x * 2 * y

    module = Double()
    answers = [
        lambda a: a[0] * 3,
        lambda a: (a[0] * 3,),
        lambda a: None,
        lambda a: [a[0]],
        lambda a: (a[0], 2.0),
        lambda a: (a[0],) * 3,
        lambda a: 3,
    ]
    before, after = draw.choice(answers), draw.choice(answers)
    first = module.register_forward_pre_hook(lambda module, args: before(args))
    second = module.register_forward_hook(lambda module, args, result: after((result,)))
    x = draw.floats((2,), requires_grad=True)
    see.raises("with both", lambda: module(x))
    first.remove()
    see.raises("without the first", lambda: module(x))
    second.remove()
    y = module(x)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)

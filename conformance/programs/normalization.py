"""Layers that normalise, over several steps: outputs, gradients, buffers and how often they were written to."""

from __future__ import annotations

from typing import Any

from .declare import program


def there_and_back(draw: Any, see: Any, layer: Any, x: Any) -> None:
    """What a layer makes of `x`, and what a backward through it leaves."""
    y = layer(x)
    see("output", y)
    see.graph("graph", y)
    y.backward(draw.floats(tuple(y.shape), x.dtype))
    see("gradients", [x.grad, *(p.grad for p in layer.parameters())])
    see("buffers", [(name, t, t._version) for name, t in layer.named_buffers()])


@program
def batch_norm_over_steps(B: Any, draw: Any, see: Any) -> None:
    rank = draw.integer(0, 3)
    kind = (B.nn.BatchNorm1d, B.nn.BatchNorm1d, B.nn.BatchNorm2d, B.nn.BatchNorm3d)[rank]
    channels = draw.integer(1, 3)
    momentum = draw.choice([0.1, None, 0.5, 1.0])
    dtype = draw.dtype()
    layer = kind(channels, draw.choice([1e-5, 0.5]), momentum, not draw.flag(), not draw.flag(), dtype=dtype, bias=not draw.flag())
    see("printed", str(layer))
    see("buffers", [(name, t) for name, t in layer.named_buffers()])
    for parameter in layer.parameters():
        with B.no_grad():
            parameter.copy_(draw.floats((channels,), dtype))
    for _ in range(3):
        if draw.flag():
            layer.train(not layer.training)
        x = draw.floats((draw.integer(2, 3), channels, *(2, 1, 2)[:rank]), dtype, requires_grad=True)
        there_and_back(draw, see, layer, x)
    state = layer.state_dict()
    see("state", dict(state))
    fresh = kind(channels, momentum=momentum, affine=layer.affine, track_running_stats=layer.track_running_stats, dtype=dtype)
    see.raises("loaded", lambda: str(fresh.load_state_dict(state)))
    see("its buffers", [(name, t, t._version) for name, t in fresh.named_buffers()])
    layer.reset_parameters()
    see("as new", [(name, t, t._version) for name, t in layer.named_buffers()])
    see.raises("of other sizes", lambda: layer(draw.floats((2, channels + 1, *(2, 1, 2)[:rank]), dtype)))
    see.raises("of other ranks", lambda: layer(draw.floats((2,) * draw.choice([1, 6]), dtype)))
    see.raises("of one value", lambda: layer.train()(draw.floats((1, channels, *(1, 1, 1)[:rank]), dtype)))


@program
def instance_norm_over_steps(B: Any, draw: Any, see: Any) -> None:
    rank = draw.integer(1, 3)
    kind = (B.nn.InstanceNorm1d, B.nn.InstanceNorm2d, B.nn.InstanceNorm3d)[rank - 1]
    channels, dtype = draw.integer(1, 3), draw.dtype()
    layer = kind(channels, momentum=draw.choice([0.1, 0.5, None]), affine=draw.flag(), track_running_stats=draw.flag(), dtype=dtype)
    see("printed", str(layer))
    for _ in range(2):
        if draw.flag():
            layer.train(not layer.training)
        lead = () if draw.flag() else (draw.integer(1, 3),)
        x = draw.floats((*lead, channels, *(3, 1, 2)[:rank]), dtype, requires_grad=True)
        there_and_back(draw, see, layer, x)
    wide = draw.floats((2, channels + 1, *(3, 1, 2)[:rank]), dtype)
    see.raises("of other sizes", lambda: see.warns("warnings", lambda: layer(wide)))
    see.raises("of other ranks", lambda: layer(draw.floats((2,), dtype)))
    see.raises("of one element", lambda: layer.train()(draw.floats((1, channels, *(1, 1, 1)[:rank]), dtype)))


@program
def group_and_layer_norm(B: Any, draw: Any, see: Any) -> None:
    groups, dtype = draw.integer(1, 2), draw.dtype()
    channels = groups * draw.integer(1, 2)
    rest = draw.shape(0, 2)
    x = draw.floats((3, channels, *rest), dtype, requires_grad=True)
    layers = [
        B.nn.GroupNorm(groups, channels, draw.choice([1e-5, 0.5]), not draw.flag(), dtype=dtype, bias=not draw.flag()),
        B.nn.LayerNorm((channels, *rest), draw.choice([1e-5, 0.5]), not draw.flag(), not draw.flag(), dtype=dtype),
    ]
    for layer in layers:
        see("printed", str(layer))
        for parameter in layer.parameters():
            with B.no_grad():
                parameter.copy_(draw.floats(tuple(parameter.shape), dtype))
        y = layer(x)
        see("output", y)
        see.graph("graph", y)
        y.backward(draw.floats(tuple(y.shape), dtype))
        see("gradients", [x.grad, *(p.grad for p in layer.parameters())])
    see.raises("groups that do not divide", lambda: B.nn.GroupNorm(groups + 1, 1))
    see.raises("other channels", lambda: layers[0](draw.floats((2, channels + 1), dtype)))


@program
def a_model_with_batch_norm_in_training(B: Any, draw: Any, see: Any) -> None:
    nn, count = B.nn, draw.integer(2, 4)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, eps=0.125), nn.ReLU(), nn.Linear(3, 1))
    with B.no_grad():
        for parameter in model.parameters():
            parameter.copy_(draw.floats(tuple(parameter.shape)))
    optimizer = B.optim.SGD(model.parameters(), lr=0.0625)
    for _ in range(2):
        optimizer.zero_grad()
        prediction = model(draw.floats((count, 2)))
        see("prediction", prediction)
        prediction.backward(draw.floats((count, 1)))
        see("gradients", [p.grad for p in model.parameters()])
        optimizer.step()
        see("buffers", [(name, t, t._version) for name, t in model.named_buffers()])
    model.eval()
    see("evaluated", model(draw.floats((2, 2))))
    see("parameters", list(model.parameters()))


@program
def batch_norm_without_running_statistics(B: Any, draw: Any, see: Any) -> None:
    nn, F = B.nn, B.func
    model = nn.Sequential(nn.BatchNorm1d(2, eps=0.5), nn.Sequential(nn.BatchNorm1d(2, eps=0.125, track_running_stats=draw.flag())))
    batches, x = draw.floats((2, 3, 2)), draw.floats((3, 2))
    training = not draw.flag()
    model.train(training)
    see.raises("in a batch", lambda: B.vmap(model)(batches).shape)
    see("buffers before", [(name, t, t._version) for name, t in model.named_buffers()])
    see.same("itself", F.replace_all_batch_norm_modules_(model), model)
    see("printed", str(model))
    see("buffers", [name for name, _ in model.named_buffers()])
    see("state", list(model.state_dict()))
    see("output", model(x))
    see("in a batch after", B.vmap(model)(batches))
    parameters = {name: draw.floats((2,)) for name, _ in model.named_parameters()}
    g = draw.floats((3, 2))
    see("gradient", F.grad(lambda p: (g * F.functional_call(model, p, (x,))).sum())(parameters))
    each = B.vmap(F.grad(lambda p, t: (g * F.functional_call(model, p, (t,))).sum()), (None, 0))(parameters, batches)
    see("gradient of each batch", each)


@program
def a_weight_of_another_dtype(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), draw.dtype("float64", "float32", "bfloat16"))
    weight = B.ones(draw.choice([3, 2]), dtype=draw.dtype("float32", "float64", "int64", "bool"))
    norm = draw.choice([B.rms_norm, B.nn.functional.rms_norm])
    see.warns("warned", lambda: see.raises("root mean square", lambda: norm(x, (3,), weight=weight)))


@program
def means_beside_variances_of_what_cancels(B: Any, draw: Any, see: Any) -> None:
    """Updated by one element after the other: what is left of numbers that come to nothing is what the steps round to."""
    x = B.tensor([draw.choice([-1.0, 0.5, 0.25, -0.3, 1.7, 3.0]) for _ in range(draw.integer(2, 6))])
    x = B.cat([x, draw.choice([-x, -x.flip(0)])])
    x = draw.choice([lambda: x, lambda: x.flip(0), lambda: x.unsqueeze(-1).expand(len(x), 2), lambda: x.view(-1, 1)])()
    dim = draw.choice([None, 0])
    see("mean beside a variance", B.var_mean(x, dim, correction=draw.choice([0, 1]))[1] == 0)
    see("mean beside a deviation", B.std_mean(x, dim)[1] == 0)
    pair = draw.floats((2,), dtype=draw.dtype("float32", "complex64", "float64"))
    see("without freedom", see.warns("none", lambda: B.var_mean(pair, correction=draw.choice([2, 1, 3]))))

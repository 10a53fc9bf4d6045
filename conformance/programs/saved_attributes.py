"""What nodes let a user read of the values they keep: `_saved_<name>` and `_raw_saved_<name>`, by kind of node."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def of_arithmetic(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    made = [
        (lambda: t(2) * t(2), "other self", "other self"),
        (lambda: t(2) * 3, "other self", "other self"),
        (lambda: B.add(t(2), t(2), alpha=3), "alpha", ""),
        (lambda: B.sub(t(2), t(2), alpha=2), "alpha", ""),
        (lambda: t(2) / t(2), "other self", "other self"),
        (lambda: B.div(t(2), t(2), rounding_mode="floor"), "other rounding_mode self", "other self"),
        (lambda: B.div(t(2), 2, rounding_mode="trunc"), "other rounding_mode self", "other self"),
        (lambda: t(2) / 2, "other self", "other self"),
        (lambda: t(2) ** 2, "exponent self", "self"),
        (lambda: t(2) ** t(2), "exponent result self", "exponent result self"),
        (lambda: 2 ** t(2), "exponent result self", "exponent result"),
        (lambda: t(4).abs(), "self", "self"),
        (lambda: B.atan2(t(2), t(2)), "other self", "other self"),
        (lambda: B.lerp(t(2), t(2), 0.5), "weight", ""),
        (lambda: B.lerp(t(2), t(2), t(2)), "end self weight", "end self weight"),
        (lambda: B.addcmul(t(2), t(2), t(2), value=2), "tensor1 tensor2 value", "tensor1 tensor2"),
        (lambda: B.addcdiv(t(2), t(2), t(2), value=2), "tensor1 tensor2 value", "tensor1 tensor2"),
        (lambda: B.maximum(t(2), t(2)), "other self", "other self"),
        (lambda: B.view_as_complex(t(2, 2)).abs(), "self", "self"),
        (lambda: B.polar(t(2), t(2)), "result", "result"),
        (lambda: B.hypot(t(2), t(2)), "other result self", "other result self"),
        (lambda: B.outer(t(2), t(2)), "other self", "other self"),
        (lambda: B.pdist(t(3, 2), 3), "p result self", "result self"),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())


@program
def of_functions(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    made = [
        (lambda: t(2).tanh(), "result", "result"),
        (lambda: t(2).exp(), "result", "result"),
        (lambda: t(2).log(), "self", "self"),
        (lambda: t(2).sqrt(), "result", "result"),
        (lambda: t(2).sigmoid(), "result", "result"),
        (lambda: t(2).relu(), "result", "result"),
        (lambda: t(2, 2).softmax(1), "dim result", "result"),
        (lambda: t(2, 2).log_softmax(1), "dim result", "result"),
        (lambda: t(2, 2).logsumexp(1), "dim keepdim result self", "result self"),
        (lambda: t(2).clamp(0, 1), "max min self", "self"),
        (lambda: t(2).clamp(t(2), None), "max min self", "max min self"),
        (lambda: B.where(t(2) > 1, t(2), t(2)), "condition", "condition"),
        (lambda: B.threshold(t(2), 1.0, 7), "self threshold", "self"),
        (lambda: B.threshold(t(2), 1, 7.5), "self threshold", "self"),
        (lambda: B.nn.functional.threshold(t(2) * 1, True, 0, inplace=True), "self threshold", "self"),
        (lambda: (t(2).sigmoid() / 2).logit(), "eps self", "self"),
        (lambda: (t(2).sigmoid() / 2).logit(0.25), "eps self", "self"),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())


@program
def of_reductions(B: Any, draw: Any, see: Any) -> None:
    F = B.nn.functional

    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    made = [
        (lambda: t(3, 2).mean(), "self_sym_numel self_sym_sizes", ""),
        (lambda: t(3, 2).mean(1), "dim keepdim self_sym_numel self_sym_sizes", ""),
        (lambda: t(3, 2).mean((0, 1), keepdim=True), "dim keepdim self_sym_numel self_sym_sizes", ""),
        (lambda: t(3, 2).sum(), "self_sym_sizes", ""),
        (lambda: t(3, 2).sum(-1), "dim keepdim self_sym_sizes", ""),
        (lambda: t(3, 2).var(0), "correction dim keepdim self", "self"),
        (lambda: t(3, 2).std(), "correction dim keepdim result self", "result self"),
        (lambda: t(3, 2).prod(0), "dim keepdim result self", "result self"),
        (lambda: t(3, 2).max(0)[0], "dim indices keepdim self_sym_sizes", "indices"),
        (lambda: t(3, 2).max(), "result self", "result self"),
        (lambda: t(3, 2).amax(0), "dim keepdim result self", "result self"),
        (lambda: F.l1_loss(t(2), t(2)), "self_sym_numel self_sym_sizes", ""),
        (lambda: t(3, 2).cumsum(0), "dim", ""),
        (lambda: t(3, 2).cumprod(0), "dim result self", "result self"),
        (lambda: t(4).sort()[0], "dim indices self_sym_sizes", "indices"),
        (lambda: (t(1) + B.arange(4.0)).topk(2)[0], "dim indices self_sym_sizes", "indices"),
        (lambda: t(4).norm(), "dim keepdim ord result self", "result self"),
        (lambda: t(4).norm(3, 0), "dim keepdim ord result self", "result self"),
        (lambda: t(4).cummax(0)[0], "dim indices self", "indices self"),
        (lambda: (t(1) + B.arange(4.0)).kthvalue(1)[0], "dim indices keepdim self_sym_sizes", "indices"),
        (lambda: t(4).median(), "result self", "result self"),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())


@program
def of_products(B: Any, draw: Any, see: Any) -> None:
    F = B.nn.functional

    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    made = [
        (
            lambda: B.addbmm(t(2, 2), t(1, 2, 2), t(1, 2, 2), beta=2, alpha=3),
            "alpha batch1 batch1_sym_argsize_0 batch1_sym_argsize_1 batch2 batch2_sym_argsize_2 beta",
            "batch1 batch2",
        ),
        (
            lambda: B.addmm(t(2, 2), t(2, 2), t(2, 2)),
            "alpha beta mat1 mat1_sym_sizes mat1_sym_strides mat2 mat2_sym_sizes mat2_sym_strides",
            "mat1 mat2",
        ),
        (lambda: t(2, 2) @ t(2, 2), "mat2 mat2_sym_sizes mat2_sym_strides self self_sym_sizes self_sym_strides", "mat2 self"),
        (lambda: t(1, 2, 2) @ t(1, 2, 2), "self_sym_sizes", ""),
        (lambda: t(2, 2) @ t(2), "self vec", "self vec"),
        (lambda: B.dot(t(2), t(2)), "self tensor", "self tensor"),
        (lambda: B.linalg.qr(t(2, 2) + B.tensor([[9.0, 0.0], [0.0, 9.0]], dtype=dtype))[1], "Q R mode", "Q R"),
        (
            lambda: F.linear(t(2, 2), t(2, 2), t(2)),
            "alpha beta mat1 mat1_sym_sizes mat1_sym_strides mat2 mat2_sym_sizes mat2_sym_strides",
            "mat1 mat2",
        ),
        (lambda: t(1, 2, 2) @ t(2, 2), "self_sym_sizes", ""),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())


@program
def of_convolutions(B: Any, draw: Any, see: Any) -> None:
    F = B.nn.functional

    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    numbers = "dilation groups output_padding padding stride transposed"
    made = [
        (lambda: B.conv2d(t(1, 2, 3, 3), t(2, 1, 2, 2), t(2), groups=2), f"bias_sym_sizes_opt {numbers} input weight", "input weight"),
        (lambda: F.conv2d(t(1, 1, 3, 3), t(2, 1, 2, 2), None, 2, (1, 0)), f"bias_sym_sizes_opt {numbers} input weight", "input weight"),
        (lambda: B.conv2d(t(1, 1, 3, 3), t(1, 1, 2, 2), padding="valid"), f"bias_sym_sizes_opt {numbers} input weight", "input weight"),
        (lambda: B.conv2d(t(1, 1, 3, 3), B.ones(1, 1, 2, 2, dtype=dtype), t(1)), "input weight", "input weight"),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())
    x, weight = t(1, 1, 3, 3), t(1, 1, 2, 2)
    [g] = B.autograd.grad(B.conv2d(x, weight).sum(), x, create_graph=True)
    see.kept(g.grad_fn, f"{numbers} grad_output input weight".split(), ["grad_output", "input", "weight"])


@program
def of_indexing(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    made = [
        (lambda: t(3, 2)[B.tensor([0, 1])], "indices self_sym_sizes", "indices"),
        (lambda: t(3, 2)[B.tensor([0, 1]), B.tensor([1, 1])], "indices self_sym_sizes", "indices"),
        (lambda: t(3, 2)[:, B.tensor([0, 1])], "indices self_sym_sizes", "indices"),
        (lambda: t(3, 2)[1], "dim index self_sym_sizes", ""),
        (lambda: t(3, 2)[1:], "dim end self_sym_sizes start step", ""),
        (lambda: t(3, 2).gather(0, B.zeros(1, 2, dtype=B.int64)), "dim index self sparse_grad", "index self"),
        (lambda: t(3, 2).scatter(0, B.zeros(1, 2, dtype=B.int64), t(1, 2)), "dim index", "index"),
        (lambda: t(3, 2).index_select(0, B.tensor([0])), "dim index self_sym_sizes", "index"),
        (lambda: t(3, 2).masked_fill(t(3, 2) > 1, 2.0), "mask", "mask"),
        (lambda: t(3, 2).masked_select(t(3, 2) > 1), "mask self", "mask self"),
        (lambda: t(3).index_put((B.tensor([0]),), t(1)), "accumulate indices", "indices"),
        (lambda: B.view_as_complex(t(2, 2)).real, "dim index self_sym_sizes", ""),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())


@program
def of_views(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    made = [
        (lambda: B.stack([t(2), t(2)], 1), "dim", ""),
        (lambda: B.cat([t(2), t(3)], 0), "dim", ""),
        (lambda: t(4).unfold(0, 2, 1), "dimension self_sym_sizes size step", ""),
        (lambda: B.as_strided(t(4), (2,), (1,), 1), "size storage_offset stride", ""),
        (lambda: t(3, 2).transpose(0, 1), "dim0 dim1", ""),
        (lambda: t(3, 2).permute(1, 0), "dims", ""),
        (lambda: t(3, 2).view(6), "self_sym_sizes", ""),
        (lambda: t(1, 2).expand(3, 2), "self_sym_sizes", ""),
        (lambda: t(1, 2).repeat(3, 2), "repeats self_sym_sizes", ""),
        (lambda: t(1, 2).squeeze(), "self_sym_sizes", ""),
        (lambda: t(1, 2).squeeze(0), "dim self_sym_sizes", ""),
        (lambda: t(1, 2).unsqueeze(0), "dim", ""),
        (lambda: t(4).split(2)[0], "dim self_sym_sizes split_size", ""),
        (lambda: t(4).split([1, 3])[0], "dim self_sym_sizes split_sizes", ""),
        (lambda: t(4).chunk(2)[0], "dim self_sym_sizes split_size", ""),
        (lambda: t(4).unbind()[0], "dim", ""),
        (lambda: t(4).flip(0), "dims", ""),
        (lambda: t(4).roll(1), "dims shifts", ""),
        (lambda: t(2, 2).diagonal(), "dim1 dim2 offset self_sym_sizes", ""),
        (lambda: t(2, 2).tril(), "diagonal", ""),
        (lambda: B.einsum("ij, jk->ik", t(2, 2), t(2, 2)), "self_sym_sizes", ""),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())


@program
def of_losses(B: Any, draw: Any, see: Any) -> None:
    F = B.nn.functional

    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    made = [
        (lambda: F.nll_loss(t(2, 2), B.tensor([0, 1])), "ignore_index reduction self target weight", "self target weight"),
        (
            lambda: F.nll_loss(t(2, 2), B.tensor([0, 1]), weight=B.ones(2, dtype=dtype)),
            "ignore_index reduction self target weight",
            "self target weight",
        ),
        (lambda: F.mse_loss(t(2), t(2)), "reduction self target", "self target"),
        (
            lambda: F.binary_cross_entropy_with_logits(t(2), B.ones(2, dtype=dtype)),
            "pos_weight reduction self target weight",
            "pos_weight self target weight",
        ),
        (lambda: t(4).abs(), "self", "self"),
        (lambda: B.view_as_complex(t(2, 2)).abs(), "self", "self"),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())


@program
def of_lists(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype()

    def t(*shape: int) -> Any:
        return draw.floats(shape, dtype, requires_grad=True)

    made = [
        (lambda: B._foreach_maximum([t(2), t(3)], 0.5)[0], "scalar self", "self"),
        (lambda: B._foreach_maximum([t(2), t(3)], [0.5, 1])[1], "scalars self", "self"),
        (lambda: B._foreach_maximum([t(2)], [t(2)])[0], "", ""),
    ]
    for make, names, raw in made:
        see.kept(make().grad_fn, names.split(), raw.split())
    of_two = B._foreach_maximum([t(2)], [t(2)])[0]
    see("a node of two lists", type(of_two.grad_fn).__name__)
    see("shown as its name", repr(of_two).partition("grad_fn=")[2])
    see("what it keeps is not shown", [name for name in dir(of_two.grad_fn) if "_saved_" in name])
    see.raises("nor read", lambda: of_two.grad_fn._saved_self)

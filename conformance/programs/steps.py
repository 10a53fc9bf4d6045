"""The steps of random programs: each is a line of Python over `torch` and the tensors made so far, built from ten bytes.

A program is text, so that the very lines that were run are the script of a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from .calls import Callee, callees
from .draw import VALUES, Draw

STEPS = 30
WIDTH = 10  # bytes of a step
LENGTH = STEPS * WIDTH
# Half and complex numbers are never in one program: together they make complex32, for which NumPy has no numbers.
HALF, COMPLEX = ("float16",), ("complex64", "complex128")
# Where elements are equal, PyTorch names any of them: upstream/tied_index.py, upstream/median_of_zeros.py
TIED = frozenset({"kthvalue", "topk"})
SIGNED = frozenset({"signbit", "copysign", "copysign_"})  # of NaN, too, which has one by chance: upstream/sign_of_nan.py
# Integers written to so would get a history: upstream/integer_with_history.py
COMPARED = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "less", "greater", "not"})  # as their names begin
UNREFUSING = frozenset({"addmv_", "baddbmm_"})  # they write where others refuse: upstream/overlapping_target.py
READING_BACK = UNREFUSING | {"addmm_"}  # and where they read, the last by the machine: upstream/product_read_back.py
FORWARD = frozenset({"as_strided", "as_strided_", "narrow_copy"})  # upstream/negative_size.py, upstream/narrow_copy_from_end.py
# Refused half way they have written a part: upstream/refused_write.py
PARTLY = frozenset({
    "floor_divide_", "fmod_", "remainder_", "scatter_", "scatter_add_", "scatter_reduce_", "index_fill_", "index_add_", "index_reduce_",
    "index_put_", "put_", "masked_scatter_",
})  # fmt: skip
# Along an expanded dimension they read elsewhere: upstream/median_of_expanded.py; and of two zeros any: upstream/median_of_zeros.py
MIDDLE = frozenset({"median", "nanmedian"})
# Of zeros of both signs in more than one vector any: upstream/extremes_of_zeros.py
EXTREMES = re.compile(r"torch\.(aminmax|amax|amin)\(|torch\.(max|min)\({a}\)$")
NEAR_ZERO = frozenset({"igammac", "igammac_"})  # upstream/incomplete_gamma_near_zero.py
GAMMA = frozenset({"igamma", "igamma_"}) | NEAR_ZERO  # of two large numbers nine digits are right: upstream/incomplete_gamma.py
WITHOUT_MEMORY = frozenset({"sgn", "sgn_"})  # real gradients are, so that 0 * -1 is no -0: upstream/gradient_without_memory.py
# Of zeros of both signs one or the other: upstream/reduced_zeros.py, upstream/maximum_of_zeros.py
KEEPING = frozenset({"index_reduce", "index_reduce_", "maximum", "minimum", "fmax", "fmin"})
INFINITE = frozenset({"nn.functional.gelu"})  # upstream/gelu_of_infinity.py
ADDING = frozenset({"addmm", "addmv", "addbmm"})  # zeros to zeros, as their BLAS does: upstream/sum_of_zeros_in_a_product.py
NEGATING = frozenset({"neg", "neg_", "negative", "negative_"})  # upstream/negated_zeros.py
COUNTING = frozenset({"nn.functional.nll_loss", "nn.functional.cross_entropy"})  # upstream/size_of_no_dimensions.py
# Reduced, they lie in memory for more, in which anything may stand, or losses: upstream/room_behind_a_loss.py
ROOMY = frozenset({
    "nn.functional.mse_loss", "nn.functional.smooth_l1_loss", "nn.functional.soft_margin_loss", "nn.functional.binary_cross_entropy",
})  # fmt: skip
ROWS = frozenset({"pdist", "nn.functional.pdist"})  # PyTorch's gradient of the distances of no rows reads beyond its memory: it crashes
REGULAR = frozenset({"qr", "linalg.qr"})  # rounding alone decides what the factors of a singular matrix are
MAKES_COMPLEX = frozenset({"complex", "polar", "view_as_complex"})
SHAPES = ((2,), (), (2, 2), (1, 2), (2, 1), (1,), (3,), (2, 3), (0,), (2, 0), (2, 1, 2))
LAYOUTS = (
    "",
    "",
    "",
    ".transpose(0, -1).clone()",
    ".transpose(0, -1).detach()",
    "[..., 1:].detach()",
    "[..., ::2].clone()",
    "[..., ::2].detach()",
    ".unsqueeze(-1).expand({shape}, 2).detach()",
)
DTYPES = ("float32", "float64", "complex64", "int64", "bfloat16", "bool", "float16", "complex128", "uint8", "int32", "int8", "int16")


@dataclass(frozen=True)
class Step:
    """A line to run. `target` is the name it binds, where it makes a tensor, `op` what it calls, where that was drawn, too.

    `chosen` are the words of the line with what stands for them, `ulp` says how far apart two libraries' results of the op may be.
    """

    name: str
    line: str
    target: str = ""
    op: str = ""
    chosen: tuple[str, ...] = ()
    ulp: int = 4


CHOICES: dict[str, tuple[int, tuple[str, ...]]] = {  # which byte chooses, and from what
    "first flag": (1, ("False", "True")),
    "flag": (3, ("False", "True")),
    "number": (3, ("2.0", "3.0", "-1.0", "0.5", "1.5", "0.0")),
    "write": (3, ("add_", "mul_", "sub_", "copy_")),
    "write alone": (3, ("neg_()", "zero_()", "exp_()", "fill_(3)", "sin_()", "sqrt_()")),
    "shape": (3, ("t_()", "squeeze_()", "unsqueeze_(0)", "transpose_(0, -1)")),
    "mode": (3, ("no_grad()", "enable_grad()", "inference_mode()", "set_grad_enabled(False)", "inference_mode(False)",
                 "set_grad_enabled(True)")),
    "hook": (3, ("None", "g * 2", "torch.zeros_like(g)", "g.detach()", "-g", "g.clone()", "g.sum()")),
    "post hook": (3, ("None", "setattr(g, 'grad', None)", "g")),
    "gradient": (3, ("None", "cotangent({a})", "{b}", "{b}.detach()")),
    "view": (3, (
        "t()", "view(-1)", "narrow(-1, 0, 1)", "expand(2, 2)", "transpose(0, -1)", "unsqueeze(0)", "squeeze()", "diagonal()", "detach()",
        "reshape(-1)", "as_strided((2,), (1,))", "unbind()[0]", "chunk(2)[-1]", "view_as(t0)", "real", "mT", "flatten()", "conj()",
        "view({single})", "narrow(0, 0, 1)", "permute(-1)", "select(-1, 0)", "split(1)[0]", "swapaxes(0, 0)",
    )),
    "kept": (3, ("None", "True", "False")),
    "flag too": (4, ("False", "True")),
    "inputs": (5, ("[{b}]", "{b}", "[{b}, {c}]", "[t0]")),
    "part": (6, ("0", "1")),
    "unused": (7, ("True", "False", "None")),
    "deprecated": (9, ("", "", "", ", only_inputs=False")),
    "index": (4, ("0", "1:", "..., 0", "None", "torch.tensor([0, 0])", "..., ::2", "torch.tensor(True)",
                      "-bool({a}.ndim)", "{a} > 1.3")),  # -1 in a tensor without dimensions: upstream/last_of_scalar.py
    "cotangent": (8, ("cotangent({a})", "None", "{b}", "cotangent({a}) * {b}")),
}  # fmt: skip


class Words:
    """What the bytes of a step say: which step, two earlier tensors, two choices, a third tensor and four more choices."""

    def __init__(self, draw: Draw, raw: bytes, made: list[str], place: int, first: int):
        self.draw, self.raw, self.made, self.place = draw, raw, made, place
        self.op, self.ulp = "", 4
        self.chosen: list[str] = []
        self.half = bool(first & 1)

    def __getitem__(self, word: str) -> str:
        if word not in CHOICES:
            return getattr(self, word)()
        at, options = CHOICES[word]
        return self._chosen(word, options[self.raw[at] % len(options)]).format_map(self)

    def _chosen(self, word: str, option: str) -> str:
        self.chosen.append(f"{word}: {option}")
        return option

    def a(self) -> str:
        """An earlier tensor. What was not made counts as the first, so that a step can be left out without moving the others."""
        return self.made[self.raw[1] % len(self.made)]

    def written(self) -> str:
        """The same, as the subject of a step that writes to it alone."""
        at, options = CHOICES["write alone"]
        return f"negatable({self.a()})" if options[self.raw[at] % len(options)] == "neg_()" else self.a()

    def through(self) -> str:
        """A view of it that is written to and that nobody sees; one in another dtype is kept, for what its numbers are to others."""
        at, options = CHOICES["view"]
        if options[self.raw[at] % len(options)] != "view({single})":
            return f"{self.a()}.{self['view']}"
        return f"(through := legible({self.a()}, {self.single()}).{self['view']})"

    def b(self) -> str:
        return self.made[self.raw[2] % len(self.made)]

    def single(self) -> str:
        return "torch." + self.draw.named("float32")

    def c(self) -> str:
        return self.made[self.raw[5] % len(self.made)]

    def t(self) -> str:
        return f"t{self.place}"

    def i(self) -> str:
        return str(self.place)

    def call(self) -> str:
        return self._call(callees(writing=False), writes=False)

    def call_in_place(self) -> str:
        return self._call(callees(writing=True), writes=True)

    def _call(self, among: tuple[Callee, ...], writes: bool) -> str:
        callee = among[(256 * self.raw[3] + self.raw[4]) % len(among)]
        self.op, self.ulp = callee.path, callee.ulp
        text = callee.text(lambda choice: self.raw[6 + choice % 4], writes)
        if callee.path in SIGNED:
            text = text.replace("{b}", "numbers({b})").replace("signbit({a}", "signbit(numbers({a})")
        if callee.path in PARTLY:
            text = f"undone({{a}}, lambda: {text})"
        if callee.path.split("_")[0] in COMPARED and writes:
            text = text.replace("{b}", "({b} if {a}.is_floating_point() or {a}.is_complex() else {b}.detach())")
        if callee.path in GAMMA:
            text = text.replace("{b}", "small({b})")
        if callee.path in NEAR_ZERO:
            text = text.replace("{a}", "sizable({a})")
        if callee.path in WITHOUT_MEMORY:
            text = text.replace("{a}", "unrecorded({a})")
        if callee.path in KEEPING or text in ("torch.max({a}, {b})", "torch.min({a}, {b})"):
            text = text.replace("{a}", "positive({a})").replace("{b}", "positive({b})")
        if callee.path in INFINITE:
            text = text.replace("{a}", "finite({a})")
        if callee.path.rstrip("_") in ADDING:
            text = text.replace("{a}", "decided({a})", 1)
        if callee.path == "nn.functional.linear":
            text = re.sub(r"bias=({\w})", r"bias=decided(\1)", text)
        if callee.path in NEGATING:
            text = text.replace("{a}", "negatable({a})")
        if callee.path == "prod":
            text = text.replace("{a}", f"factors({{a}}, {'complex' in text})")
        if callee.path in ROWS:
            text = text.replace("{a}", "rows({a})")
        if callee.path in REGULAR:
            text = text.replace("{a}", "regular({a})")
        if callee.path in COUNTING:
            text = text.replace("{b}", "unshaped({b})")
        if callee.path in ROOMY:
            text += ".clone()"
        if callee.path in READING_BACK:
            text = re.sub(r"(apart\([^)]*)\)", r"\1, part=True)", text)
        if writes:
            shared = ", refused=False" if callee.path in UNREFUSING else ""
            text = text.replace("{a}", f"once({{a}}{shared})", 1)
        if callee.path in MIDDLE | TIED:
            text = text.replace("{a}", "unsigned({a})")
        if EXTREMES.match(text):
            text = text.replace("{a}", "together({a})")
        text = text.format_map(self)
        if callee.path in TIED and text.endswith("[-1]"):
            text = text[:-4] + "[0]"
        if callee.path in FORWARD:
            text = text.replace("-1", "1")
        if self.half and callee.path in MAKES_COMPLEX:
            return self.a()
        text = text.replace("complex64", "float64") if self.half else text
        return re.sub(r"(?<=torch\.)(float32|complex64)\b", lambda found: self.draw.named(found[0]), text)

    def dtype(self) -> str:
        names = tuple(name for name in DTYPES if name not in (COMPLEX if self.half else HALF)) if self.place else DTYPES[:2]
        return "torch." + self.draw.named(self._chosen("dtype", names[self.raw[2] % len(names)]))

    def values(self) -> str:
        """A tensor of a drawn shape and layout: numbers of the table, from a drawn one on."""
        shape = SHAPES[self.raw[3] % len(SHAPES)]
        numbers = [self.draw.used(VALUES[(self.raw[4] + i) % len(VALUES)]) for i in range(prod(shape))]
        self._chosen("shape of values", str(shape))
        layout = self._chosen("layout", LAYOUTS[self.raw[6] % len(LAYOUTS)]).format(shape=f"*{shape}")
        return f"torch.tensor({numbers}, dtype={self.dtype()}).reshape({shape}){layout}"


LINES = {
    "first": "{t} = {values}.requires_grad_({first flag})",
    "nothing": "",
    "create": "{t} = {values}",
    # what PyTorch records of an inference tensor that requires grad is what its kernels do inside: upstream/inference_leaf.py
    "leaf": "{t} = {values}.requires_grad_({first flag} and not torch.is_inference_mode_enabled())",
    "call": "{t} = {call}",
    "call in place": "{t} = {call_in_place}",
    "product": "{t} = {a} * {b}",
    "sum": "{t} = {a} + {b}",
    "number": "{t} = {a} * {number}",
    "power": "{t} = {a} ** 2",
    "view": "{t} = {a}.{view}",
    "index": "{t} = {a}[{index}]",
    "clone": "{t} = {a}.clone()",
    "deepcopy": "{t} = deepcopy({a}.detach() if torch.is_inference_mode_enabled() else copied({a}))",
    "detach": "{t} = {a}.detach()",
    "data": "{t} = {a}.data",
    "cast": "{t} = {a}.to({dtype})",
    "gradient": "{t} = {a}.grad",
    "write": "{t} = once({a}).{write}(apart({a}, {b}))",
    "write in place": "{t} = once({written}).{write alone}",
    "shape in place": "{a}.{shape}",
    "write a view": "once({through}).{write}(apart({a}, {b}, part=True))",
    "setitem": "once({a})[{index}] = apart({a}, {b}, part=True)",
    "setitem number": "once({a})[{index}] = {number}",
    "assign data": "if {a}.is_inference() == {b}.is_inference() == torch.is_inference_mode_enabled(): "
    "{a}.data = {b}.reshape({a}.shape).to({a}.dtype)",
    "assign gradient": "{a}.grad = {gradient}",
    "zero gradient": "once({a}.grad).zero_()",
    "delete gradient": "del {a}.grad",
    "detach_": "{a}.detach_()",
    "requires_grad_": "{a}.requires_grad_({flag} and not {a}.is_inference())",
    "requires_grad": "{a}.requires_grad = {flag} and not {a}.is_inference()",
    # PyTorch's process ends where a stale view is asked before its history is
    "retain_grad": "{a}.grad_fn; {a}.retain_grad(); hooks.append({i})",
    "hook": "{a}.grad_fn; handles.append({a}.register_hook(hook({i}, lambda g: {hook})))",
    "post hook": "{a}.grad_fn; handles.append({a}.register_post_accumulate_grad_hook(hook({i}, lambda g: {post hook})))",
    "remove hook": "handles.pop().remove()",
    "enter": "modes.append(torch.{mode}); modes[-1].__enter__()",
    "leave": "modes.pop().__exit__(None, None, None)",
    "backward": "{a}.backward({cotangent}, retain_graph={kept})",
    # the inputs that are no leaves retain their gradient from now on
    "backward to inputs": "{a}.grad_fn; hooks.append({i}); {a}.backward({cotangent}, {kept}, {flag too}, inputs={inputs})",
    "backward with graph": "{a}.backward({cotangent}, create_graph=True, retain_graph={kept})",
    "grad": "{t} = torch.autograd.grad({a}, {b}, {cotangent}, {kept}, {flag too}, allow_unused={unused}{deprecated})[0].clone()",
    "grad of two": "{t} = torch.autograd.grad([{a}, {b}], [{c}, t0], [{cotangent}, None], {kept}, {flag too}, "
    "allow_unused={unused})[{part}].clone()",
    "grad as zeros": "{t} = torch.autograd.grad({a}, {b}, {cotangent}, True, {flag too}, materialize_grads=True)[0].clone()",
    "backward of two": "torch.autograd.backward([{a}, {b}], [{cotangent}, None], {kept}, {flag too})",
    # a hook would see a tensor of PyTorch's old vmap, from which nothing can be read
    "grad of a batch": "{t} = {a} if hooks else torch.autograd.grad({a}, {b}, torch.stack([cotangent({a})] * 2), retain_graph=True, "
    "is_grads_batched=True)[0].clone()",
    "delete": "del {a}",
}
IN_PLACE = frozenset({"call in place", "write in place"})  # steps that compute anew what a tensor holds
# Steps that make what two libraries may round otherwise.
COMPUTED = frozenset({"call", "grad", "grad of two", "grad as zeros", "grad of a batch"})
OFTEN = {"call": 6, "call in place": 2}  # steps with a choice of hundreds
NAMES = tuple(name for name in LINES if name != "first" for _ in range(OFTEN.get(name, 1)))


class Ended(Exception):
    """Raised by a line whose outcome PyTorch leaves open: the program ends there, and the census counts it."""


def once(t, refused=True):
    """The same. Raises Ended where elements share memory and a write is not `refused`: what it leaves there depends on PyTorch's loops."""
    shared, reach = [], 0
    for step, n in sorted((s, n) for s, n in zip(t.stride(), t.shape, strict=True) if n > 1 and t.numel()):
        shared += [step] if step <= reach else []
        reach += (n - 1) * step
    if shared and not (refused and 0 in shared):
        raise Ended("a write to elements that share memory")
    return t


def copied(t):
    """The same. Raises Ended where gradients lead from `t` back to it: PyTorch's copy of it has no end but that of Python's stack."""
    met, one = [], t
    while one.is_leaf and one.grad is not None:
        met.append(id(one))
        one = one.grad
        if id(one) in met:
            raise Ended("a deepcopy of gradients in a circle")
    return t


def apart(written, other, part=False):
    """`other`, copied where it is not `written` and may share its memory: there what PyTorch reads depends on its vector loops."""
    if (other is written and not part) or not other.numel() or not written.numel():
        return other if other is written else other.clone()
    ends = [
        (t.data_ptr(), t.data_ptr() + t.element_size() * (1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))))
        for t in (written, other)
    ]
    return other.clone() if ends[0][0] < ends[1][1] and ends[1][0] < ends[0][1] else other


def numbers(t):
    """The same, with 1 for NaN."""
    return t.masked_fill(t != t, 1)


def unsigned(t):
    """A copy with no negative zero."""
    return t.clone().masked_fill(t == 0, 0)


def together(t):
    """The same. Raises Ended where zeros of both signs are among more numbers than one vector holds."""
    if t.is_floating_point() and t.numel() > (4 if t.element_size() == 8 else 8):
        signs = t.detach().signbit()[t == 0]
        if signs.any() and not signs.all():
            raise Ended("the sign of a zero that a vector loop takes")
    return t


def small(t):
    """The same, with 13 for what is larger."""
    return t.clamp(max=13) if t.is_floating_point() else t


def sizable(t):
    """The same. Raises Ended where a number is near 0 and is not 0."""
    if t.is_floating_point() and ((t.abs() < 0.05) & (t != 0)).any():
        raise Ended("the incomplete gamma function of a number near 0")
    return t


def legible(t, dtype):
    """The same. Raises Ended where NaN has bits that are read as numbers of another dtype: NaN has many, and any of them is right."""
    if (t.real.dtype if t.is_complex() else t.dtype) != dtype and (t != t).any():
        raise Ended("the bits of NaN read in another dtype")
    return t


def unshaped(t):
    """The same, or a copy that never had another shape where there are no dimensions."""
    return t if t.ndim else t.clone()


def unrecorded(t):
    """The same, without a history where it is real."""
    return t if t.is_complex() else t.detach()


def finite(t):
    """The same. Raises Ended where an element is infinite."""
    if t.isinf().any():
        raise Ended("what infinity comes to in a loop over vectors")
    return t


def positive(t):
    """The same. Raises Ended where a zero of it is negative."""
    if t.is_floating_point() and (t.signbit() & (t == 0)).any():
        raise Ended("which of two zeros is kept")
    return t


def rows(t):
    """The same. Raises Ended where a matrix has no elements."""
    if t.ndim == 2 and not t.numel():
        raise Ended("distances of no rows")
    return t


def regular(t):
    """Matrices with 3 more along the diagonal. Raises Ended for more columns than rows, where one may be singular all the same, and where
    a library decides the sign of a zero.
    """
    if t.ndim < 2 or not (t.is_floating_point() or t.is_complex()):
        return t
    made = t + 3 * t.new_ones(t.shape).tril().triu()
    size = made.detach().abs().double()
    apart = size.diagonal(0, -2, -1).amin() - 2 * size.tril(-1).amax() - 2 * size.triu(1).amax() if t.numel() else size.sum() + 1
    if t.shape[-2] < t.shape[-1] or not 0 < apart < 1000:
        raise Ended("the factors of a matrix that may be singular")
    if made.is_complex() and ((made.real == 0) | (made.imag == 0)).any():
        raise Ended("the sign of a zero in a factor of a complex matrix")
    return made


def decided(t):
    """The same. Raises Ended where there is a zero that a BLAS adds others to."""
    if (t.is_floating_point() or t.is_complex()) and (t == 0).any():
        raise Ended("the sign of a sum of zeros in a BLAS")
    return t


def negatable(t):
    """The same. Raises Ended where a complex zero of it may be negated in a whole step of a vector loop, which gives +0 and not -0."""
    if t.is_complex() and t.numel() * t.element_size() >= 64 and ((t.real == 0) | (t.imag == 0)).any():
        raise Ended("the sign of a negated complex zero")
    return t


def factors(t, turned):
    """The same. Raises Ended where a part of a number that is complex, or `turned` so, is 0, and a loop over vectors may multiply them."""
    if (turned or t.is_complex()) and t.numel() >= 8 and (not t.is_complex() or ((t.real == 0) | (t.imag == 0)).any()):
        raise Ended("the sign of a zero in a product of complex numbers")
    return t


def undone(t, call):
    """What `call` returns; where it raises, `t` holds again what it held before."""
    before = t.detach().clone()
    try:
        return call()
    except Exception:
        if before.is_inference() or not t.is_inference():  # what inference made is not written to elsewhere
            t.data.copy_(before)
        raise


def cotangent(t):
    """Distinct numbers of both signs in the shape and dtype of `t`: one that goes to the wrong place shows."""
    return t.detach().resolve_conj().resolve_neg().new_tensor([(i + 2) * (-1) ** i for i in range(t.numel())]).reshape(t.shape)


# What lines may call, beside the backend.
HELPERS: tuple[Any, ...] = (
    Ended, once, copied, apart, numbers, small, sizable, finite, legible, unshaped, unrecorded, unsigned, together, positive, decided, rows,
    regular, negatable, factors, undone, cotangent,
)  # fmt: skip


def steps(draw: Draw) -> Iterator[Step]:
    """A first floating tensor, then the drawn steps; those that do nothing are left out. The lines are kept in `draw.log`."""
    made: list[str] = []
    first = 0
    for place in range(STEPS):
        raw = draw.source.bytes(WIDTH)
        name = NAMES[raw[0] % len(NAMES)] if place else "first"
        first = raw[-1] if not place else first
        words = Words(draw, raw, made, place, first)
        line = LINES[name].format_map(words)
        target = f"t{place}" if line.startswith(f"t{place}") else ""
        made.append(target or "t0")
        if name == "delete":
            gone = line.removeprefix("del ")
            made = [one if one != gone else "t0" for one in made]
            line = line if gone != "t0" else ""  # what stands in for tensors that were not made
        if line:
            chosen = tuple(dict.fromkeys(words.chosen))
            draw.log.append([line, target, name, words.op, chosen])
            yield Step(name, line, target, words.op, chosen, words.ulp)

"""What a call came to, and when two outcomes are equal: bitwise, within a few ULP, or by a reference in higher precision."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .backends import clean
from .case import NAME, NUMPY, UNIT

Observations = dict[str, Any]
TRIALS = 8  # perturbed runs of the reference
FURTHER = 1024  # those in which an integer is looked for that is cut off from what has a few digits more
FACTOR = 8.0  # how many times the case's own sensitivity an error may be
SMALLEST = {
    "float16": 2.0**-24,
    "bfloat16": 2.0**-133,
    "float32": 2.0**-149,
    "float64": 5e-324,
    "complex64": 2.0**-149,
    "complex128": 5e-324,
}
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895314e38, "float32": 3.4028235e38, "complex64": 3.4028235e38}
LACKS = "derivative for .*not implemented|use forward AD with .* does not support|^Could not run '|^Batching rule not implemented for"
_SIMPLE = frozenset((bool, int, str, type(None)))


@dataclass(frozen=True)
class Raised:
    """An exception: its type's name and its text."""

    type: str
    text: str

    @staticmethod
    def of(error: BaseException) -> Raised:
        return Raised(type(error).__name__, clean(str(error)))

    @property
    def refuses(self) -> bool:
        """True where PyTorch says that it has no such derivative, kernel or rule: then that is what there is to compare."""
        return re.search(LACKS, self.text) is not None

    @staticmethod
    def asserted(error: Any) -> bool:
        """True where PyTorch stops at an assert of its own and asks for a bug report: then there is no answer to compare with."""
        return isinstance(error, Raised) and "INTERNAL ASSERT FAILED" in error.text

    @staticmethod
    def by_design(error: Any) -> bool:
        """True where a transform of functions refuses what it could never do, in words of its own."""
        return isinstance(error, Raised) and error.text.startswith("vmap: ")

    def template(self) -> str:
        """The text with numbers, shapes and quoted words taken out."""
        text = re.sub(r"\[[-\d, x]*\]|\([-\d, ]*\)", "#", self.text)
        return re.sub(r"-?\d+(\.\d+)?(e[-+]?\d+)?", "#", text)

    def __str__(self) -> str:
        return f"raised {self.type}: {self.text}"


@dataclass(frozen=True)
class Difference:
    """One observable that differs. `kind` sorts failures, `subject` and `truth` are printed."""

    kind: str
    message: str
    subject: str
    truth: str


@dataclass
class Comparison:
    """Every difference between two sets of observations, and how each comparison was decided."""

    differences: list[Difference] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    raised: bool = False  # whether PyTorch raised
    observed: int = 0  # compared observables that are more than "the call raised"


class Reference:
    """More of the truth, asked for only where two arrays differ; this one knows nothing.

    `exact` is the run in double precision, `moved` the same with inputs moved by a relative unit, `strided` the run at the
    case's own precision with every tensor spaced out in memory, those between its steps too: there PyTorch takes other
    loops than for dense tensors. `magnitudes` is the run in double precision with the absolute values of all finite
    numbers; `beside` are runs on inputs so far away that they round otherwise, each with its own run in double precision, those
    of a case in double precision in single; `rounded` are runs of the case itself in which the results of calls are rounded otherwise,
    by a unit in the last place, `further` more of them, by up to the units that are near at sight, and in those of `stepped` every op
    on the way rounds otherwise, those of backward and inside of PyTorch's own code, too. `narrowest` is the least precise dtype in the
    case, `single` says that there are numbers of single precision in it, too.
    """

    narrowest = "float64"
    single = False

    def exact(self) -> Observations:
        return {}

    def moved(self, unit: float) -> Iterable[Observations]:
        return []

    def strided(self) -> Observations:
        return {}

    def magnitudes(self) -> Observations:
        return {}

    def beside(self) -> list[tuple[Observations, Observations]]:
        return []

    def rounded(self) -> Iterable[Observations]:
        return []

    def further(self) -> Iterable[Observations]:
        return []

    def stepped(self) -> Iterable[Observations]:
        return []


def compare(
    mine: Observations,
    theirs: Observations,
    reference: Reference | None = None,
    ulp: int = 4,
    sums: bool = False,
    terms: int = 0,
    zeros: bool = False,
) -> Comparison:
    """Compare what a subject (`mine`) and PyTorch (`theirs`) came to, label by label.

    `sums` says that results are sums whose order is the library's own, so that the sign of a zero is open, and how they overflow;
    `terms` says the latter alone, and by how many of them at most a sum was divided, `zeros` the former alone.
    """
    made = Comparison()
    for label, right in theirs.items():
        if type(right) is Raised and Raised.asserted(right):
            made.verdicts["asserted"] += 1
        elif label in mine:
            left = mine[label]
            if type(right) in _SIMPLE and type(left) is type(right) and left == right:
                made.observed += 1
                made.verdicts["equal"] += 1
            else:
                _one(made, label, left, right, reference, ulp, sums, terms, zeros)
        elif "raises" not in mine and label != "raises" and not _explained(made, label):
            made.differences.append(Difference(label, f"{label} is missing", "nothing", show(right)))
    if not Raised.asserted(theirs.get("raises")):
        _presence(made, mine, theirs)
    return made


def _presence(made: Comparison, mine: Observations, theirs: Observations) -> None:
    for one, other, first in ((mine, theirs, True), (theirs, mine, False)):
        if "raises" in one and "raises" not in other:
            last = next(reversed(other), "nothing")
            pair = (str(one["raises"]), f"did not raise ({last} = {show(other.get(last))})")
            words = pair if first else pair[::-1]
            made.differences.append(Difference("raises", f"{'subject' if first else 'PyTorch'} {one['raises']}; the other did not", *words))
    for label in mine:
        if label not in theirs and "raises" not in theirs and label != "raises" and not _explained(made, label):
            made.differences.append(Difference(label, f"{label} should not be there", show(mine[label]), "nothing"))


def _explained(made: Comparison, label: str) -> bool:
    """True where the list `label` is a part of was already found to differ."""
    whole = label.split("[")[0]
    return any(d.kind.startswith(whole) for d in made.differences)


def _one(
    made: Comparison, label: str, left: Any, right: Any, reference: Reference | None, ulp: int, sums: bool, terms: int, zeros: bool
) -> None:
    made.observed += label != "raises"
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        verdict, words = arrays(left, right, label, reference, ulp, sums, terms, zeros)
        made.verdicts[verdict] += 1
        if words:
            kind = label if verdict == "engine" else verdict if label.startswith("value") else f"{label} {verdict}"
            made.differences.append(Difference(kind, f"{label}: {words}", show(left), show(right)))
    elif isinstance(left, Raised) and isinstance(right, Raised):
        word = errors(left, right)
        made.verdicts["error"] += 1
        if word:
            kind, words = word if label == "raises" else f"{label} {word}", f"{label}: {left} | PyTorch {right}"
            made.differences.append(Difference(kind, words, str(left), str(right)))
    elif not same(left, right):
        made.verdicts["different"] += 1
        kind = f"{label} raises" if isinstance(left, Raised) or isinstance(right, Raised) else label
        made.differences.append(Difference(kind, f"{label}: {show(left)} | PyTorch {show(right)}", show(left), show(right)))
    else:
        made.verdicts["equal"] += 1


def same(left: Any, right: Any) -> bool:
    """Equality of plain observations; True is not 1, and NaN equals NaN."""
    if type(left) is list and left == right and repr(left) == repr(right):
        return True  # nearly always, and at once
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (left != left and right != right)
    return type(left) is type(right) and bool(left == right)


def errors(left: Raised, right: Raised) -> str:
    """How two exceptions differ: "" (not at all), "error type", "message", or "text" where only numbers do."""
    if left == right:
        return ""
    if left.type != right.type:
        return "error type"
    return "text" if left.template() == right.template() else "message"


# -- arrays ---------------------------------------------------------------------------------------------------------------
def arrays(
    left: np.ndarray,
    right: np.ndarray,
    label: str = "",
    reference: Reference | None = None,
    ulp: int = 4,
    sums: bool = False,
    terms: int = 0,
    zeros: bool = False,
) -> tuple[str, str]:
    """The verdict on two arrays and, where it is a failure, what is wrong in words."""
    if left.dtype != right.dtype:
        return "dtype", f"dtype {NAME.get(left.dtype, left.dtype)} instead of {NAME.get(right.dtype, right.dtype)}"
    if left.shape != right.shape:
        return "shape", f"shape {left.shape} instead of {right.shape}"
    if left.tobytes() == right.tobytes():
        return "bitwise", ""
    if left.dtype.kind in "biu":
        return ("rounded", "") if _rounded(left, right, label, reference) else ("engine", _where(left, right, left != right))
    left, right = _narrowed(left, right, reference)
    name = NAME[left.dtype]
    right, open_ = _closed(left, right, label, reference, sums, terms, zeros) if sums or terms or zeros else (right, False)
    if open_ and left.tobytes() == right.tobytes():
        return "order", ""
    verdict, words = _decided(left, right, label, name, reference, ulp)
    either = _either(left, right, label, reference, ulp) if words else None
    return ("lanes", "") if either is not None and not _decided(left, either, label, name, reference, ulp)[1] else (verdict, words)


def _rounded(left: np.ndarray, right: np.ndarray, label: str, reference: Reference | None) -> bool:
    """True where each integer that differs is what it comes to, too, in a run whose numbers are rounded otherwise before that.

    Further runs are made only for integers that come to something else in one of the first.
    """
    wrong, still = left != right, np.ones(left.shape, bool)
    for runs in (reference.rounded, reference.further) if reference else ():
        for run in runs():
            found = run.get(label)
            if isinstance(found, np.ndarray) and found.shape == left.shape:
                wrong &= found != left
                still &= found == right
                if not wrong.any():
                    return True
        if (wrong & still).any():
            return False
    return False


def _decided(left: np.ndarray, right: np.ndarray, label: str, name: str, reference: Reference | None, ulp: int) -> tuple[str, str]:
    """The verdict on arrays of one dtype and shape."""
    left2, right2 = _parts(left), _parts(right)
    zero = (left2 == 0) & (right2 == 0)
    if _identical(left2, right2).all():
        return "bitwise", ""
    if name not in ("float16", "bfloat16") and _near(left2, right2, ulp).all():
        return "ulp", ""
    signs = zero & (np.signbit(left2) != np.signbit(right2))
    if signs.any():
        signs &= ~_turned(left2, label, reference)
    return _judge(left, right, label, name, reference, signs)


def _turned(left: np.ndarray, label: str, reference: Reference | None) -> np.ndarray:
    """Where an element has the sign of `left`, whose parts these are, in a run whose numbers are rounded otherwise before that."""
    turned = np.zeros(left.shape, bool)
    for runs in (reference.rounded, reference.stepped) if reference else ():
        for run in runs():
            found = run.get(label)
            if isinstance(found, np.ndarray) and (parts := _parts(found)).shape == left.shape:
                turned |= np.signbit(parts) == np.signbit(left)
    return turned


def _narrowed(left: np.ndarray, right: np.ndarray, reference: Reference | None) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays in the least precise dtype of the case that holds every element of both: what was cast from it is no better."""
    for name in (reference.narrowest, *["float32"] * reference.single) if reference else ():
        narrow = _held(left, right, NUMPY[name])
        if narrow is not None:
            return narrow
    return left, right


def _held(left: np.ndarray, right: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray] | None:
    """Both arrays in `dtype`, or the complex one of its precision, where it is narrower and holds every element."""
    if left.dtype.kind == "c":
        dtype = np.dtype(np.complex128 if dtype == np.float64 else np.complex64)
    if dtype.itemsize >= left.dtype.itemsize:
        return None
    with np.errstate(all="ignore"):
        narrow = left.astype(dtype), right.astype(dtype)
    held = [_identical_whole(n.astype(a.dtype), a).all() for n, a in zip(narrow, (left, right), strict=True)]
    return narrow if all(held) else None


def _closed(
    left: np.ndarray, right: np.ndarray, label: str, reference: Reference | None, sums: bool, terms: int, zeros: bool
) -> tuple[np.ndarray, bool]:
    """`right` with the elements that no rule decides taken from `left`, and whether there were any.

    Open is whether an overflow on the way makes an element infinite or NaN (`terms`); the sign of a zero (`zeros`); and in sums whose order
    the library chooses (`sums`) both, and which part of an infinite complex number is NaN. Elsewhere PyTorch's answer is a definite one, or
    one of two (see `_either`).
    """
    a, b = _parts(left), _parts(right)
    free = np.zeros(a.shape, bool)
    blown = ~np.isfinite(a)
    if sums or zeros:
        free |= (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))
    if sums and left.dtype.kind == "c":
        free |= blown.any(-1, keepdims=True) & (~np.isfinite(b)).any(-1, keepdims=True)
    if (sums or terms) and (blown & ~free & ~_identical(a, b)).any():
        large = _overflows(left, label, reference, terms or 1)
        free |= blown.any(-1, keepdims=True) & large[..., None] if left.dtype.kind == "c" else blown & large
    if not free.any():
        return right, False
    if left.dtype.kind == "c":
        return np.where(free, a, b).view(left.dtype).reshape(left.shape), True
    return np.where(free, left, right), True


def _overflows(left: np.ndarray, label: str, reference: Reference | None, terms: int) -> np.ndarray:
    """Where the terms of a sum are together larger than its dtype holds: a part of them may be infinite, by the order they are added in.

    PyTorch's own `mm` and `mv` differ there: `(3 - 2) * 3.4e38` is infinite in the one, which rounds once a product is added, and NaN
    in the other, for which `-2 * 3.4e38` is an infinity.
    """
    found = reference.magnitudes().get(label) if reference else None
    if not isinstance(found, np.ndarray) or found.shape != left.shape:
        return np.zeros(left.shape, bool)
    made: np.ndarray = ~(np.abs(found) * terms <= LARGEST.get(NAME[left.dtype], np.finfo(np.float64).max))
    return made


def _either(left: np.ndarray, right: np.ndarray, label: str, reference: Reference | None, ulp: int) -> np.ndarray | None:
    """`right` with those elements that PyTorch gives in another memory layout and `left` has, too: its loops do not always agree.

    None where there are none.
    """
    other = reference.strided().get(label) if reference else None
    if not isinstance(other, np.ndarray) or other.shape != right.shape or (other.dtype.kind == "c") != (right.dtype.kind == "c"):
        return None
    with np.errstate(all="ignore"):
        other = other.astype(left.dtype)  # `left` may have been narrowed
    parts = _near(_parts(left), _parts(other), ulp)
    near = parts.all(-1) if left.dtype.kind == "c" else parts
    return np.where(near, other, right) if near.any() else None


def _parts(a: np.ndarray) -> np.ndarray:
    """Real and imaginary parts as one more dimension; 16-bit floats as float32."""
    if a.dtype.kind == "c":
        return np.ascontiguousarray(a).reshape(*a.shape, 1).view(a.real.dtype)
    return a.astype(np.float32) if a.dtype.itemsize == 2 else a


def _identical(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Equal elementwise, with the sign of zero; the sign and payload of NaN do not count."""
    return ((left == right) & (np.signbit(left) == np.signbit(right))) | ((left != left) & (right != right))


def ulps(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How many floats lie between two arrays of finite numbers, elementwise, as float64."""
    kind = np.int32 if left.dtype.itemsize == 4 else np.int64
    low = np.iinfo(kind).min
    a, b = (np.ascontiguousarray(v).view(kind).reshape(v.shape).astype(object if kind is np.int64 else np.int64) for v in (left, right))
    a, b = (np.where(v < 0, low - v, v) for v in (a, b))
    return np.abs(a - b).astype(np.float64)


def _near(left: np.ndarray, right: np.ndarray, ulp: int) -> np.ndarray:
    """Where both are finite and at most `ulp` apart, or identical; zeros of one sign."""
    made = np.array(_identical(left, right))
    rest = ~made & np.isfinite(left) & np.isfinite(right) & ~((left == 0) & (right == 0))
    made[rest] = ulps(left[rest], right[rest]) <= ulp
    return made


def _judge(left: np.ndarray, right: np.ndarray, label: str, name: str, reference: Reference | None, signs: np.ndarray) -> tuple[str, str]:
    """The third tier: who is nearer to a reference in double precision, within what the case's conditioning allows."""
    exact = _reference(label, right, name, reference)
    if exact is None:
        return "engine", _where(left, right, ~_identical_whole(left, right))
    wide = exact.dtype
    with np.errstate(all="ignore"):
        mine, torch_ = _error(left.astype(wide), exact, name), _error(right.astype(wide), exact, name)
        rounding = FACTOR * UNIT[name] * np.abs(exact) + 4 * SMALLEST[name]
        for spread in _spreads(label, exact, name, reference):
            bound = np.where(np.isfinite(exact), FACTOR * spread + rounding, 0.0)
            if not signs.any() and (np.maximum(mine, torch_) <= bound).all() and np.isfinite(bound).all():
                return "conditioned", ""  # and more runs allow no less
        allowed = np.where(np.isfinite(bound), bound, rounding)  # none where a small change of the input makes it infinite or NaN
        wrong, theirs = ~(mine <= allowed) & ~_identical_whole(left, right), ~(torch_ <= bound)
        lost = signs.reshape(*left.shape, -1).any(-1) & (exact == 0) if signs.any() else np.zeros(left.shape, bool)
        if lost.any():
            return "zero_sign" if not wrong.any() else "engine", _where(left, right, lost)
        if not wrong.any():
            return ("torch_deviation" if theirs.any() else "conditioned"), ""
        alike = _class(left) == _class(right)
        near = alike & (mine <= 4 * torch_)
        if near[wrong].all() or (near | (alike & (mine <= 4 * _noise(label, exact, name, reference))))[wrong].all():
            return "parity", ""
        if (near | (alike & (np.abs(left.astype(wide) - right) <= 4 * _reach(label, right, name, reference))))[wrong].all():
            return "rounded", ""
        wrong &= ~_jumped(left, right, label, reference)
        if not wrong.any():
            return "rounded", ""
        hopeless = ~(bound < 0.5 * np.abs(exact)) & np.isfinite(exact) & (~np.isfinite(bound) | (mine <= 64 * bound))
        if (hopeless & (np.abs(exact) > 0))[wrong].all():
            return "ill_conditioned", ""
    return "engine", _where(left, right, wrong)


def _jumped(left: np.ndarray, right: np.ndarray, label: str, reference: Reference | None) -> np.ndarray:
    """Where one side alone is finite, and the other comes to a number of that size, or none, if what is before it is rounded otherwise.

    So it is beside a pole: `lgamma(-3)` is infinite, of the next number it is 34.
    """
    apart, made = _class(left) != _class(right), np.zeros(left.shape, bool)
    for runs in (reference.rounded, reference.stepped) if reference and apart.any() else ():
        for run in runs():
            found = run.get(label)
            if isinstance(found, np.ndarray) and found.shape == left.shape:
                made |= (_class(found) == _class(left)) & (~np.isfinite(left) | (np.abs(left - found) <= np.abs(found)))
    return made & apart


def _noise(label: str, exact: np.ndarray, name: str, reference: Reference | None) -> np.ndarray:
    """The largest error of PyTorch beside the case, elementwise: at the case itself a rounding may happen to be none.

    Double precision is its own reference, so there it is the error of single precision, as much smaller as the unit is.
    """
    noise = np.zeros(exact.shape)
    scale = min(1, UNIT[name] / UNIT["float32"]) if reference and reference.narrowest == "float64" else 1
    for run, truth in reference.beside() if reference else ():
        found, right = run.get(label), truth.get(label)
        if isinstance(found, np.ndarray) and isinstance(right, np.ndarray) and found.shape == right.shape == exact.shape:
            error = _error(found.astype(exact.dtype), right.astype(exact.dtype), name) * scale
            noise = np.where(np.isfinite(error), np.fmax(noise, error), noise)
    return noise


def _reach(label: str, right: np.ndarray, name: str, reference: Reference | None) -> np.ndarray:
    """How far apart elements come where the ops on the way round otherwise, by a unit in the last place: all, or those of fewer digits."""
    reach = np.zeros(right.shape)
    fewer = reference.rounded() if reference and UNIT[name] < UNIT[reference.narrowest] else ()
    for run in (*fewer, *reference.stepped()) if reference else ():
        found = run.get(label)
        if isinstance(found, np.ndarray) and found.shape == right.shape and found.dtype == right.dtype:
            apart = np.abs(found - right)
            reach = np.where(np.isfinite(apart), np.fmax(reach, apart), reach)
    return reach


def _identical_whole(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    made: np.ndarray = _identical(_parts(left), _parts(right))
    return np.all(made, axis=-1) if left.dtype.kind == "c" else made


def _reference(label: str, right: np.ndarray, name: str, reference: Reference | None) -> np.ndarray | None:
    if reference is None:
        return None
    wide = np.complex128 if right.dtype.kind == "c" else np.float64
    if name in ("float64", "complex128") and reference.narrowest == "float64":
        return right
    found = reference.exact().get(label)
    if not isinstance(found, np.ndarray) or found.shape != right.shape or (found.dtype.kind == "c") != (right.dtype.kind == "c"):
        return None
    return found.astype(wide)


def _spreads(label: str, exact: np.ndarray, name: str, reference: Reference | None) -> Iterator[np.ndarray]:
    """The largest change of the reference, elementwise, over none of the perturbed runs, over the first, and so on to all."""
    spread = np.zeros(exact.shape)
    yield spread
    for run in reference.moved(max(UNIT[name], 2.0**-52)) if reference else ():  # 1 + 2**-53 is 1
        found = run.get(label)
        if isinstance(found, np.ndarray) and found.shape == exact.shape:
            spread = np.fmax(spread, _error(found.astype(exact.dtype), exact, "float64"))
            yield spread


def _class(a: np.ndarray) -> np.ndarray:
    """0 finite, 2 NaN, else the sign of the infinity; for complex numbers of both parts."""
    if a.dtype.kind == "c":
        return _class(a.real) + 10 * _class(a.imag)
    return np.where(np.isnan(a), 2, np.where(np.isinf(a), np.sign(a), 0))


def _error(value: np.ndarray, exact: np.ndarray, name: str) -> np.ndarray:
    """Distance to the reference; 0 for equal infinities and NaNs and for a rightful overflow, infinite where the classes differ."""
    made = np.abs(value - exact)
    equal = (value == exact) | (np.isnan(value) & np.isnan(exact))
    if name in LARGEST:
        equal |= np.isinf(value) & (np.abs(exact) >= LARGEST[name] * (1 - 1e-6)) & (np.sign(value.real) == np.sign(exact.real))
    made = np.where(np.isnan(made), np.inf, made)
    return np.where(equal, 0.0, made)


def _where(left: np.ndarray, right: np.ndarray, wrong: np.ndarray) -> str:
    """The first wrong element, in words."""
    count, first = int(wrong.sum()), tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.any() else ()
    at = f" at {list(first)}" if first else ""
    return f"{left[first]!s} instead of {right[first]!s}{at} ({count} of {wrong.size} wrong)"


def show(x: Any) -> str:
    """An observation as a person reads it."""
    if isinstance(x, np.ndarray):
        numbers = x.astype(np.float32) if NAME.get(x.dtype) == "bfloat16" else x
        values = str(numbers.tolist()) if x.size <= 24 else f"<{x.size} elements>"
        return f"{NAME.get(x.dtype, x.dtype)}{list(x.shape)} {values}"
    return str(x) if isinstance(x, Raised) else repr(x)

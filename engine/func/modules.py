"""Modules as functions of their parameters: `functional_call` and `stack_module_state`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..registry import F
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..nn import Module

MISSING: Any = object()


def functional_call(
    module: Module, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None, *, tie_weights: bool = True, strict: bool = False
) -> Any:
    """`module(*args, **kwargs)` with these tensors in place of the parameters and buffers of those names.

    Raises RuntimeError where `strict` and names are missing or unknown, ValueError where tied ones are given different tensors.
    """
    given = _one_dict(parameter_and_buffer_dicts)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _one_dict(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}")
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    repeated = [key for key, n in Counter(key for d in dicts for key in d).items() if n > 1]
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {key: t for d in dicts for key, t in d.items()}


@contextmanager
def _replaced(module: Module, given: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    """Inside, the module has these tensors; what it made of them is put into `given` after."""
    named = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    tensors = _with_tied(named, given) if tie_weights else given
    if strict:
        _check_names(module, set(named), set(tensors))
    before: dict[str, Any] = {}
    try:
        for name, t in tensors.items():
            before[name] = _swap(module, name, t)
        yield
    finally:
        after = {name: _swap(module, name, t) for name, t in before.items()}
        given.update({name: after[name] for name in given if name in after})


def _with_tied(named: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What is given, and the same for every other name of the same tensor."""
    names_of: dict[Any, set[str]] = {}
    for name, t in named.items():
        names_of.setdefault(t, set()).add(name)
    made = dict(given)
    for names in names_of.values():
        known = names & set(given)
        if len(names) > 1 and known:
            if len({given[name] for name in known}) != 1:
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using tie_weights=False"
                )
            made.update(dict.fromkeys(names, given[next(iter(known))]))
    return made


def _check_names(module: Module, known: set[str], given: set[str]) -> None:
    said = []
    for word, names in (("Unexpected", given - known), ("Missing", known - given)):
        if names:
            said.append(f"{word} key(s): {', '.join(map(repr, sorted(names)))}.")
    if said:
        raise RuntimeError("Error(s) in reparametrizing for {}:\n\t{}".format(module._get_name(), "\n\t".join(said)))


def _swap(module: Module, path: str, t: Any) -> Any:
    """Put a tensor in the place of another, which is returned; `MISSING` stands for none."""
    at, _, name = path.rpartition(".")
    owner = _below(module, at)
    if t is not MISSING and t is not None and not isinstance(t, Tensor):
        raise TypeError(f"{t} is not an instance of torch.Tensor")
    if name == "":
        raise KeyError('tensor name can\'t be empty string ""')
    for registered in (owner._parameters, owner._buffers):
        if name in registered:
            old = registered[name]
            if t is MISSING:
                del registered[name]
            else:
                registered[name] = t
            return old
    old = getattr(owner, name, MISSING)
    if old is not MISSING and old is not None and not isinstance(old, Tensor):
        raise TypeError(f"attribute `{name}`: {old} is not an instance of torch.Tensor")
    if t is not MISSING:
        setattr(owner, name, t)
    elif old is not MISSING:
        delattr(owner, name)
    return old


def _below(module: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        module = getattr(module, name)
        if not hasattr(module, "_parameters"):
            raise TypeError(f"submodule `{name}`: {module} is not an instance of torch.nn.Module")
    return module


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of all models, stacked by name: leaves of their own.

    Raises RuntimeError for no model, and for models of different classes or modes.
    """
    if not len(models):
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({bool(m.training) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    kinds = ([dict(m.named_parameters()) for m in models], [dict(m.named_buffers()) for m in models])
    parameters, buffers = ({name: _stacked([own[name] for own in each], name) for name in each[0]} for each in kinds)
    return parameters, buffers


def _stacked(tensors: list[Tensor], name: str) -> Tensor:
    flags = {t.requires_grad for t in tensors}
    if len(flags) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    made = F.stack(tensors)
    return made.detach().requires_grad_() if True in flags else made


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Have every batch norm in `root` normalise by the batch alone, in evaluation, too; returns `root`."""
    from ..nn.normalization import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root

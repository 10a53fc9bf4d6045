"""Which PyTorch the engine is compared with, and what to say where it is another one or missing."""

from __future__ import annotations

from importlib import metadata

TORCH = "2.13.0"
_REMEDY = f"run `tox run`, or `python -m pip install torch=={TORCH}`"


def torch_complaint(version: str | None) -> str:
    """The line for a person, or nothing where `version` is the pinned one (a local label such as `+cpu` is ignored)."""
    if version is None:
        return f"torch is not installed; {_REMEDY}"
    if version.partition("+")[0] != TORCH:
        return f"torch is {version}, and the recorded results are those of {TORCH}; {_REMEDY}"
    return ""


def installed_torch() -> str | None:
    """The installed version, without importing it."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None

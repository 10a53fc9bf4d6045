"""Environments that share one directory: the five roles that need PyTorch would otherwise hold it five times.

tox remembers an environment's name in its directory and rebuilds the directory when another name comes along. The runner
below remembers the word "shared" instead; dependencies are still compared, so a changed pin still rebuilds.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from tox.plugin import impl
from tox.tox_env.info import Info
from tox.tox_env.python.virtual_env.runner import VirtualEnvRunner
from tox.tox_env.register import ToxEnvRegister


class SharedInfo(Info):
    """What tox wrote about the directory, without the name of the role that wrote it."""

    def compare(self, value: Any, section: str, sub_section: str | None = None) -> AbstractContextManager[tuple[bool, Any | None]]:
        if isinstance(value, dict) and "name" in value:
            value = {**value, "name": "shared"}
        return super().compare(value, section, sub_section)


class SharedRunner(VirtualEnvRunner):
    """An ordinary virtual environment whose directory several tox environments may name as their `env_dir`."""

    @staticmethod
    def id() -> str:
        return "shared"

    @property
    def cache(self) -> Info:
        return SharedInfo(self.env_dir)


@impl
def tox_register_tox_env(register: ToxEnvRegister) -> None:
    register.add_run_env(SharedRunner)

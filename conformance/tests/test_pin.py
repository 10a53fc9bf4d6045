"""One version of PyTorch is pinned, everywhere the same; any other is one clear line."""

import tomllib
from pathlib import Path

import pytest

from conformance.pin import TORCH, installed_torch, torch_complaint


def test_the_project_pins_the_version_the_suite_asks_for():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    pins = [*project["dependency-groups"]["conformance"], *project["project"]["optional-dependencies"]["conformance"]]
    assert [pin for pin in pins if isinstance(pin, str) and pin.startswith("torch")] == [f"torch=={TORCH}"] * 2


def test_the_installed_one_is_it():
    assert torch_complaint(installed_torch()) == ""


@pytest.mark.parametrize("version", [TORCH, TORCH + "+cpu", TORCH + "+cu126"])
def test_local_builds_of_the_pinned_version_are_welcome(version):
    assert torch_complaint(version) == ""


@pytest.mark.parametrize("version", [None, "2.12.1", "2.13.0.dev1"])
def test_any_other_is_one_clear_line(version):
    complaint = torch_complaint(version)
    assert (f"torch is {version}" if version else "torch is not installed") in complaint
    assert f"torch=={TORCH}" in complaint
    assert "\n" not in complaint

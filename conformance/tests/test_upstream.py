"""The scripts about PyTorch still print what the page says, and a script that fails does not pass for a finding."""

from __future__ import annotations

from pathlib import Path

from conformance import pin, upstream

PAGE = Path(__file__).parents[2] / "reports" / upstream.PAGE


def test_the_page_shows_what_the_scripts_print():
    assert upstream.page(pin.TORCH) == PAGE.read_text(encoding="utf-8")


def test_every_script_says_what_is_odd_in_a_first_line_and_prints_something():
    for path in upstream.scripts():
        shown = upstream.Shown(path, "")
        title = shown.docstring.partition("\n")[0]
        assert title.endswith(".") and "print(" in shown.code, path.name


def test_a_script_that_fails_shows_how(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text('"""A title."""\nprint("before", flush=True)\nraise ValueError("no")\n')
    assert upstream.show(script).output.startswith("before\n(exit code 1)\n") and "ValueError: no" in upstream.show(script).output


def test_a_script_that_ends_its_process_is_named_by_its_signal(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text('"""A title."""\nimport os, signal\nprint("before", flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)\n')
    assert upstream.show(script).output == "before\n(the process ends: SIGSEGV)\n"

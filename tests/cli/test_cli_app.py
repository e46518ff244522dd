"""What holds for every command: -q and -v wherever they are typed, and help with an example."""

import pytest
import typer.main

from edgebench.cli.app import app, loudness_first


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["-q", "run", "m.onnx"], ["-q", "run", "m.onnx"]),
        (["run", "-qq", "m.onnx", "-v"], ["-qq", "-v", "run", "m.onnx"]),
        (["run", "--verbose", "--json", "-"], ["--verbose", "run", "--json", "-"]),
        (["run", "--quick", "--", "-q"], ["run", "--quick", "--", "-q"]),
        ([], []),
    ],
)
def test_quiet_and_verbose_may_stand_anywhere_before_a_double_dash(typed, read):
    assert loudness_first(typed) == read


def commands(command, name):
    yield name, command
    for word, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{name} {word}")


def test_every_help_has_an_example_of_its_own_command():
    for name, command in commands(typer.main.get_command(app), "edgebench"):
        assert "Example: edgebench" in (command.help or ""), name

"""The pages that are made from the code, and the words that the code uses."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from edgebench.cli.app import app
from edgebench.controller.assembly.grade import REASONS
from edgebench.records import METRIC_UNITS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["grades", "cli"])
def test_generated_pages_are_up_to_date(page):
    command = [sys.executable, f"tools/gen_{page}.py" if page == "grades" else "tools/gen_cli_docs.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_reason_of_a_grade_has_its_row():
    rows = [line for line in (ROOT / "docs" / "grades.md").read_text().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [reason.code for reason in REASONS]
    assert all(row.count("|") == 6 for row in rows)


def test_every_metric_is_in_the_glossary_with_its_unit():
    found = {}
    for line in (ROOT / "docs" / "glossary.md").read_text().partition("## Metrics")[2].splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3:
            names, units = re.findall(r"`([^`]+)`", cells[0]), cells[1].split(", ")
            found.update(zip(names, units * len(names) if len(units) == 1 else units, strict=False))
    found.pop("quality.NAME")
    assert found == METRIC_UNITS


def leaves(command, path=()):
    members = getattr(command, "commands", None)
    if members is None:
        yield path, command
    else:
        for name, member in members.items():
            yield from leaves(member, (*path, name))


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_an_example_that_is_true(path):
    command = COMMANDS[path]
    (example,) = re.findall(r"^\s*Example: edgebench (.*)$", command.help, re.MULTILINE)
    words = [word for word in path if word != "show" or path == ("devices", "show")]
    assert example.split()[: len(words)] == words
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in example.split() if word.startswith("--")} <= options

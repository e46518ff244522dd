"""The table of commands: its page is up to date, and words stay words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.phones import commands
from edgebench.phones.answers import Answer, Answers, cut_apart
from edgebench.phones.commands import Command, filled

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    tool = ROOT / "tools" / "gen_phone_commands.py"
    done = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("command", [one for one in commands.ALL if isinstance(one, Command)], ids=lambda one: one.name)
def test_every_command_says_why_and_what_is_lost_without_it(command: Command) -> None:
    assert command.argv
    assert command.why
    assert command.unknown


@given(st.text())
def test_a_value_is_one_word_whatever_it_holds(value: str) -> None:
    assert filled(commands.PUT_SETTING, namespace="global", key="k", value=value)[-1] == value


def test_a_word_that_was_not_given_is_refused() -> None:
    with pytest.raises(KeyError):
        filled(commands.PUT_SETTING, namespace="global")


def test_answers_are_cut_by_their_own_marks_only() -> None:
    text = "motd\n\nN begin properties\nx\n\nM end 0\ny\n\nN end 1\nnoise\n\nN begin kernel\nz\n\nN end 127\n"
    answers = cut_apart(text, "N")
    assert answers.by_name == {"properties": Answer("x\n\nM end 0\ny\n", 1), "kernel": Answer("z\n", 127)}
    assert answers.text(commands.PROPERTIES).startswith("x")
    assert answers.text(commands.KERNEL) == ""


def test_files_that_are_there_and_denied_are_told_apart() -> None:
    answers = Answers(
        {"gauge": Answer("=/a/current_now\t-268750\n!/a/voltage_now\n=/a/status\tNot charging\ngarbage\n", 0)}
    )
    assert answers.firsts(commands.GAUGE) == {
        "/a/current_now": "-268750",
        "/a/voltage_now": None,
        "/a/status": "Not charging",
    }

"""The live view: what it says of a job's events, and that it draws nothing between them on this machine."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console
from run_records import make_run

from edgebench.cli import progress
from edgebench.cli.progress import LiveView, PlainView, make_view


class Screen:
    """A terminal that remembers."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, force_terminal=True, width=100, color_system=None)

    @property
    def text(self) -> str:
        return self.file.getvalue()


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def view(screen: Screen) -> Iterator[LiveView]:
    """A view of a local and a remote device."""
    shown = LiveView(local_devices={"here"}, console=screen.console)
    yield shown
    shown.close()


def first_invocation(view: LiveView, device: str) -> None:
    view.event(device, "m", {"ev": "plan", "eta_s": 95.0, "reduced": None})
    view.event(device, "m", {"ev": "step", "pass": "invocation", "round": 1})
    view.event(device, "m", {"ev": "block", "median_ns": 12_300_000})


def test_the_plan_tells_how_long_it_takes_and_what_was_cut(view: LiveView, screen: Screen) -> None:
    view.event("board", "m", {"ev": "plan", "eta_s": 95.0, "reduced": {"invocations": [3, 6]}})
    assert "m: about 1 min 35 s to go; --max-time leaves 3 of 6 invocations" in screen.text


def test_a_provisional_figure_comes_after_the_first_invocation_only(view: LiveView, screen: Screen) -> None:
    first_invocation(view, "board")
    assert "provisionally" not in screen.text
    view.event("board", "m", {"ev": "done", "outcome": "ok"})
    assert "m: provisionally 12.3 ms" in screen.text
    view.event("board", "m", {"ev": "step", "pass": "invocation", "round": 2})
    view.event("board", "m", {"ev": "done", "outcome": "ok"})
    assert screen.text.count("provisionally") == 1


def test_a_failed_first_invocation_gives_no_figure(view: LiveView, screen: Screen) -> None:
    first_invocation(view, "board")
    view.event("board", "m", {"ev": "done", "outcome": "failed"})
    assert "provisionally" not in screen.text


def test_blocks_are_drawn_for_remote_devices_only(view: LiveView, screen: Screen) -> None:
    first_invocation(view, "here")
    drawn = screen.text
    view.event("here", "m", {"ev": "block", "median_ns": 12_400_000})
    assert screen.text == drawn
    view.event("board", "m", {"ev": "block", "median_ns": 12_400_000})
    assert "12.4 ms" in screen.text.removeprefix(drawn)


def test_what_devices_and_files_are_called_is_no_markup(view: LiveView, screen: Screen) -> None:
    view.phase("[red]board[/]", "connect", "[bold]x[/]")
    assert "[red]board[/]: connect ([bold]x[/])" in screen.text


def test_transfers_are_drawn_at_their_end_and_seldom_between(view: LiveView, screen: Screen) -> None:
    for done in range(0, 1_000_001, 1000):
        view.transfer("board", "model.onnx", done, 1_000_000)
    assert "push model.onnx 976.6 KiB of 976.6 KiB 100%" in screen.text
    assert screen.text.count("push model.onnx") < 50


def test_a_finished_row_is_a_line(view: LiveView, screen: Screen) -> None:
    view.row(make_run())
    assert "ok p50 12.5" in screen.text


def test_nothing_is_drawn_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    view = make_view(set(), progress=True)
    assert isinstance(view, PlainView)
    view.phase("board", "connect")
    view.event("board", "m", {"ev": "plan", "eta_s": 1.0})
    assert capsys.readouterr().err == ""
    view.tell("held by somebody")
    assert capsys.readouterr().err == "held by somebody\n"


def test_a_build_is_told_once_and_only_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    plain = PlainView()
    plain.event("board", "m", {"ev": "step", "pass": "build"})
    plain.event("board", "m", {"ev": "engine", "cached": True})
    assert capsys.readouterr().err == ""
    for text in ("begins", "timing kernels"):
        plain.event("board", "m", {"ev": "progress", "done": None, "text": text})
    assert capsys.readouterr().err == "board: m: building the engine, minutes on a small board\n"


def test_the_words_of_the_first_invocation_are_those_shown() -> None:
    assert progress.FIRST_INVOCATION == "measure 1"

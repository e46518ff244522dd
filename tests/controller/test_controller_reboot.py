"""A power mode that takes a reboot, seen from the host: asked, waited for, looked at, put back the same way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "agent"))

import jetson_tree

from edgebench.controller import collect
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.execute import Executor, power_mode
from edgebench.controller.probe import NoStore
from edgebench.controller.reboot import await_reboot, check_power_mode, put_back, set_power_mode
from edgebench.controller.requests import RunOptions, build_requests
from edgebench.controller.restore import Restored, restore_device
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import Settings
from edgebench.controller.view import SilentView
from edgebench.errors import DeviceLost, DeviceUnfit, RowFailure, UsageError
from edgebench.transports.local import LocalTransport

MODEL = Path(__file__).parents[2] / "models" / "sr-x2-w16.onnx"
MAXN, FIVE, FIFTEEN = {"id": 0, "name": "MAXN"}, {"id": 1, "name": "5W"}, {"id": 2, "name": "15W"}


class Watcher(SilentView):
    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)


class Booting:
    """A clock whose passing lets the board start again: `up_s` seconds after somebody began to wait, away until then.

    `broken` starts in its old mode; None for `up_s`: it never goes down.
    """

    def __init__(self, board: Board, up_s: float | None, *, broken: bool = False) -> None:
        self.board, self.up_s, self.broken = board, up_s, broken
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.up_s is None or self.now - seconds >= self.up_s:
            return
        self.board.away = self.now < self.up_s
        if not self.board.away:
            if self.broken:
                Path(self.board.path("state/next-mode")).unlink()
            self.board.reboot()


class Board(jetson_tree.JetsonCase):
    """The small Jetson and a session with it; `away`: it cannot be reached; `cut`: the link breaks as it goes down."""

    __test__ = False
    away = False
    cut = False

    def connect(self, place: object) -> LocalTransport:
        if self.away:
            raise DeviceLost("board", "no answer")
        return Link(self)

    def session(self) -> DeviceSession:
        self.view = Watcher()
        entry = DeviceEntry("board", transport="local", root=self.root, home=self.home)
        return DeviceSession(entry, self.view, self.connect)

    def mode(self) -> int:
        return int(self.get("state/mode"))


class Link(LocalTransport):
    """This machine, whose link breaks with the board's."""

    def __init__(self, board: Board) -> None:
        super().__init__("board")
        self._board = board

    def exec(self, argv, **more):
        done = super().exec(argv, **more)
        if self._board.cut and "--allow-reboot" in argv:
            self._board.cut = False
            raise DeviceLost("board", "the link broke")
        return done


@pytest.fixture
def board():
    case = Board()
    case.setUp()
    yield case
    case.doCleanups()


def test_a_mode_that_can_be_set_live_is_left_to_the_jobs(board):
    with board.session() as device:
        change = set_power_mode(device, "5W", clock=Booting(board, None))
        assert (change.before, change.mode, change.rebooted, change.refused) == (MAXN, FIVE, False, None)
        assert put_back(device, clock=Booting(board, None)).lines() == ["nothing to restore"]
    assert board.mode() == 0


@pytest.mark.parametrize("cut", [False, True])
def test_restarted_waited_for_and_put_back(board, cut):
    with board.session() as device:
        before = device.facts["boot_id"]
        board.cut = cut
        clock = Booting(board, 40)
        change = set_power_mode(device, "15w", clock=clock)
        assert (change.mode, change.rebooted, board.mode()) == (FIFTEEN, True, 2)
        assert device.facts["boot_id"] != before
        assert 40 <= clock.now < 50
        assert "waiting up to 10 min" in board.view.told[0]
        assert "up again after 4" in board.view.told[1]

        board.put("state/reboots", "0\n")
        board.cut = cut
        done = put_back(device, clock=Booting(board, 20))
        assert [entry["path"] for entry in done.entries] == ["power mode"]
        assert (done.failed, board.mode()) == ((), 0)
        assert restore_device(device, force=False).lines() == ["nothing to restore"]


def test_without_leave_to_restart_the_way_back_is_told(board):
    with board.session() as device:
        set_power_mode(device, "15W", clock=Booting(board, 10))
        board.put("state/reboots", "0\n")
        done = restore_device(device, force=False)
        (line,) = done.lines()
        assert "power mode could not be put back: it takes a reboot" in line
        assert "`edgebench devices restore board --allow-reboot`" in line
        assert f"by hand: `sudo {board.path('/usr/bin/nvpmodel')} -m 0`" in line
        assert board.mode() == 2


def test_a_session_that_finds_it_says_so_and_measures_on(board):
    with board.session() as device:
        set_power_mode(device, "15W", clock=Booting(board, 10))
        board.put("state/reboots", "0\n")
        board.view.told.clear()
        collect.put_back(device, board.view)
        (line,) = board.view.told
        assert line.startswith("board: power mode could not be put back: it takes a reboot of the device")


def test_a_board_that_does_not_restart(board):
    with board.session() as device, pytest.raises(DeviceUnfit, match="did not restart within") as unfit:
        set_power_mode(device, "15W", clock=Booting(board, None))
    assert unfit.value.code == "needs-reboot"


def test_a_board_that_comes_up_in_another_mode(board):
    with board.session() as device, pytest.raises(DeviceUnfit, match="and is in MAXN") as unfit:
        set_power_mode(device, "15W", clock=Booting(board, 10, broken=True))
    assert unfit.value.code == "needs-reboot"


def test_a_board_that_stays_away(board):
    with board.session() as device:
        board.away = True
        with pytest.raises(DeviceLost, match="not up again 6") as lost:
            await_reboot(device, "power mode 15W", clock=Booting(board, 10**6))
    assert "restore board --allow-reboot" in (lost.value.hint or "")


def test_what_sudo_refuses_is_told_and_no_error(board):
    board.refuse_sudo()
    with board.session() as device:
        change = set_power_mode(device, "5W", clock=Booting(board, None))
    assert (change.refused, change.mode) == ("sudo: a password is required", None)


def test_a_mode_that_could_not_be_put_back_after_the_rows_is_told(board):
    with board.session() as device:
        executor = Executor(NoStore(), board.view, allow_reboot=True)
        (row,) = build_requests([MODEL], RunOptions(settings=Settings(), prepare={"power-mode": "15W"}))
        with power_mode(executor, device, [row], clock=Booting(board, 10)):
            assert board.mode() == 2
            board.refuse_sudo()
    told = board.view.told[-1]
    assert "could not be put back: sudo: a password is required" in told
    assert "nvpmodel -m 0" in told


def test_a_mode_that_the_board_does_not_list_is_refused_before_anything_is_measured(board):
    with board.session() as device:
        for wanted in ("5W", "maxn", "0"):
            check_power_mode(device, wanted)
        with pytest.raises(RowFailure, match="no power mode 'MAXM'") as refused:
            check_power_mode(device, "MAXM")
        assert refused.value.code == "bad-input"
        assert str(refused.value.hint).startswith("board has MAXN (0), 5W (1)")
        board.program("nvpmodel", "#!/bin/sh\nexit 1\n")
        check_power_mode(device, "MAXM")  # nothing is listed: the job will say what it could not set


def test_a_mode_that_is_an_option_is_no_mode(board):
    with board.session() as device, pytest.raises(UsageError):
        set_power_mode(device, "--force")


def test_failures_are_told_with_what_undoes_them():
    entries = (
        {"path": "clock setting", "why": "x", "undo": ["/a b", "--restore"], "as_root": True},
        {"path": "/p", "why": "y"},
    )
    assert Restored((), entries, None).lines() == [
        "clock setting could not be put back: x; by hand: `sudo '/a b' --restore`",
        "/p could not be put back: y",
    ]

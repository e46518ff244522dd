"""A simulated board that ends: whatever goes on with it then, no socket, pipe, thread or process of its own is left."""

import json
import socket
import threading
from pathlib import Path

import pytest
from test_mock_jetson_programs import SETTINGS, place_of, said

from edgebench.errors import DeviceLost
from edgebench.mock.jetson.board import JetsonBoard
from edgebench.mock.jetson.faults import parse_fault
from edgebench.transports.ssh import SshTransport


class Left:
    """Descriptors of this process, and the board's threads."""

    def __init__(self):
        self.descriptors = {fd: self._meaning(fd) for fd in Path("/proc/self/fd").iterdir()}
        self.threads = {thread for thread in threading.enumerate() if thread.name.startswith("board-")}

    def since(self, before):
        new = {fd: meaning for fd, meaning in self.descriptors.items() if before.descriptors.get(fd) != meaning}
        return {meaning for meaning in new.values() if meaning}, self.threads - before.threads

    @staticmethod
    def _meaning(fd):
        try:
            return str(fd.readlink())
        except FileNotFoundError:  # of the listing itself
            return ""


@pytest.fixture
def ending(tmp_path):
    """Makes a board; at the end nothing of it is left."""
    before, boards = Left(), []

    def make(*faults, **how):
        board = JetsonBoard(tmp_path / "board", faults=map(parse_fault, faults), **how)
        boards.append(board)
        return board

    yield make
    assert Left().since(before) == (set(), set())
    assert [board._busy.pids(afresh=True) for board in boards] == [[] for _ in boards]


def called(board, said):
    """A connection to the board's programs that said so much."""
    address = json.loads((board.folder / "state/programs.json").read_text())
    connection = socket.create_connection(("127.0.0.1", address["port"]))
    connection.sendall(said)
    return connection


def told(board, **more):
    address = json.loads((board.folder / "state/programs.json").read_text())
    words = {"token": address["token"], "name": "tegrastats", "argv": ["--interval", "5"], "pid": 0, "cwd": "/"}
    return (json.dumps(words | more) + "\n").encode()


@pytest.mark.parametrize("said", [b"", b"\n", b"{", b'{"token": "\xc3\xa9"}\n', b"[1]\n", b"\xff\n"])
def test_a_process_that_is_killed_before_it_said_who_it_is(ending, said):
    with ending() as board:
        called(board, said).close()
        with called(board, b"") as other:
            other.shutdown(socket.SHUT_WR)
            assert other.recv(1) == b""


def test_a_process_that_never_says_anything(ending):
    with ending() as board:
        silent = called(board, b"")
    with silent:
        assert silent.recv(1) == b""


def test_a_program_that_goes_on_printing(ending):
    with ending(speed=5.0) as board:
        printing = called(board, told(board))
        assert printing.recv(1)
    printing.close()


def test_a_program_that_is_asked_for_its_input(ending):
    with ending() as board:
        asked = called(board, told(board, name="tee", argv=[]))
        assert json.loads(asked.makefile().readline()) == {"ask": True}
    asked.close()


def test_processes_that_hang_up_while_the_board_ends(ending):
    with ending(speed=5.0) as board:
        printing = [called(board, told(board)) for _ in range(8)]
        assert all(one.recv(1) for one in printing)
        killer = threading.Thread(target=lambda: [one.close() for one in printing])
        killer.start()
    killer.join()


def test_commands_that_run_while_the_board_ends(ending):
    board = ending()
    with board:
        link = SshTransport(place_of(board), SETTINGS)
        started = threading.Event()

        def listen(script):
            with link.stream(["sh", "-c", script], silence_s=30.0) as lines:
                for _ in lines:
                    started.set()

        scripts = ("while :; do tegrastats --interval 20 | head -n 1; done", "echo on; exec sleep 60")
        listening = [threading.Thread(target=pytest.raises, args=(DeviceLost, listen, script)) for script in scripts]
        for one in listening:
            one.start()
        assert started.wait(20)
    for one in listening:
        one.join()
    link.close()


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_link_that_is_cut_at_a_command(ending, nth):
    with ending(f"link-cut@{nth}") as board:
        with SshTransport(place_of(board), SETTINGS) as link:
            for _ in range(nth - 1):
                said(link, "true")
            with pytest.raises(DeviceLost):
                link.exec(["true"])
        with SshTransport(place_of(board), SETTINGS) as again:
            assert said(again, "true")[0] == 0


def test_files_that_are_open_when_the_link_is_cut(ending):
    with ending() as board, SshTransport(place_of(board), SETTINGS) as link:
        path = board.folder.parent / "big"
        path.write_bytes(bytes(1 << 20))
        link.push(path, "big")
        board.ssh.cut()
        with pytest.raises(DeviceLost):
            link.exec(["true"])


def test_a_client_that_says_nothing_and_one_that_hangs_up(ending):
    with ending() as board:
        silent = socket.create_connection(("127.0.0.1", board.ssh.port))
        socket.create_connection(("127.0.0.1", board.ssh.port)).close()
        assert silent.recv(4) == b"SSH-"
    silent.close()


def test_a_board_that_reboots_while_it_ends(ending):
    with ending() as board:
        board.reboot()
    assert not board.booted.is_set()

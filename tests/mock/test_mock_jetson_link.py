"""A simulated board's SSH server: who is let in, to do what; and faults of the link, as the transport sees them."""

import threading

import paramiko
import pytest
from test_mock_jetson_programs import SETTINGS, place_of, reached, said

from edgebench.errors import AuthRefused, DeviceError, DeviceLost, DeviceUnreachable, HostKeyError
from edgebench.mock.jetson.board import JetsonBoard
from edgebench.mock.jetson.faults import FAULTS, Fault, parse_fault
from edgebench.mock.jetson.ssh.keys import make_keys
from edgebench.transports.places import SshPlace
from edgebench.transports.ssh import SshTransport


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with JetsonBoard(tmp_path_factory.mktemp("link") / "board") as board:
        yield board


def refused(board, **changes):
    place = {"name": "board", "host": "127.0.0.1", "port": board.ssh.port, "user": board.user,
             "key": board.client_key, "known_hosts": board.known_hosts}  # fmt: skip
    SshTransport(SshPlace(**place | changes), SETTINGS).close()


class TestTheDoor:
    """One user, one key."""

    def test_another_key(self, board, tmp_path):
        with pytest.raises(AuthRefused):
            refused(board, key=make_keys(tmp_path).client)

    def test_another_user(self, board):
        with pytest.raises(AuthRefused):
            refused(board, user="root")

    def test_its_own_key_is_checked(self, board, tmp_path):
        (tmp_path / "known_hosts").touch()
        with pytest.raises(HostKeyError):
            refused(board, known_hosts=tmp_path / "known_hosts")

    def test_it_listens_on_loopback_alone(self, board):
        assert board.ssh._listener.getsockname()[0] == "127.0.0.1"

    def test_no_shell_no_terminal_no_forwarding(self, board):
        transport = paramiko.Transport(("127.0.0.1", board.ssh.port))
        try:
            transport.connect(username=board.user, pkey=paramiko.Ed25519Key(filename=str(board.client_key)))
            for ask in ("get_pty", "invoke_shell"):
                with pytest.raises(paramiko.SSHException):
                    getattr(transport.open_session(), ask)()
            with pytest.raises(paramiko.ChannelException):
                transport.open_channel("direct-tcpip", ("127.0.0.1", board.ssh.port), ("127.0.0.1", 0))
            with pytest.raises(paramiko.SSHException):
                transport.request_port_forward("127.0.0.1", 0)
        finally:
            transport.close()

    def test_sftp_stays_in_the_boards_folder(self, board, tmp_path):
        (tmp_path / "outside").write_text("not the board's")
        with SshTransport(place_of(board), SETTINGS) as link:
            for path in (str(tmp_path / "outside"), "../../../../outside"):
                with pytest.raises(DeviceError):
                    link.pull(path, tmp_path / "home")
                with pytest.raises(DeviceError):
                    link.push(tmp_path / "outside", path + "-new")


class TestFaults:
    """What the transport sees of them."""

    def test_the_link_is_cut_at_a_command_and_taken_up_again(self, tmp_path):
        with JetsonBoard(tmp_path / "board", faults=[parse_fault("link-cut@2")]) as board:
            with SshTransport(place_of(board), SETTINGS) as link:
                assert said(link, "true")[0] == 0
                with pytest.raises(DeviceLost):
                    link.exec(["true"])
            with SshTransport(place_of(board), SETTINGS) as link:
                assert said(link, "true")[0] == 0

    def test_the_link_is_cut_at_a_moment(self, tmp_path):
        with reached(tmp_path / "board", "jetson-nano", "link-cut@build") as (board, link):
            board.moment("something else")
            assert said(link, "true")[0] == 0
            board.moment("build")
            with pytest.raises(DeviceLost):
                link.exec(["true"])

    def test_a_second_comes_though_nothing_is_asked(self, tmp_path):
        cut = reached(tmp_path / "board", "jetson-nano", "link-cut@20s", speed=50.0)
        with cut as (_, link), pytest.raises(DeviceLost):
            link.exec(["sleep", "30"])

    def test_a_reboot_ends_what_runs_and_nobody_answers(self, tmp_path):
        with reached(tmp_path / "board", "jetson-nano", speed=20.0) as (board, link):
            boot = (board.root / "proc/sys/kernel/random/boot_id").read_text()
            started = threading.Event()

            def wait() -> None:
                with link.stream(["sh", "-c", "echo on; exec sleep 60"], silence_s=30.0) as lines:
                    for _ in lines:
                        started.set()

            waiter = threading.Thread(target=pytest.raises, args=(DeviceLost, wait))
            waiter.start()
            assert started.wait(10)
            board.reboot()
            waiter.join(10)
            assert not waiter.is_alive()
            with pytest.raises(DeviceUnreachable):
                SshTransport(place_of(board), SETTINGS)
            assert board.booted.wait(20)
            assert board._busy.pids() == []
            with SshTransport(place_of(board), SETTINGS) as again:
                assert said(again, "true")[0] == 0
            assert (board.root / "proc/sys/kernel/random/boot_id").read_text() != boot

    def test_a_full_disk(self, tmp_path):
        (tmp_path / "file").write_bytes(bytes(100_000))
        with reached(tmp_path / "board", "jetson-nano", "disk-full") as (board, link):
            with pytest.raises(DeviceError, match=r"space|full"):
                link.push(tmp_path / "file", "file")
            assert not list(board.home.iterdir())


class TestNames:
    """Faults as they are written."""

    @pytest.mark.parametrize("name", FAULTS)
    def test_all_are_read(self, name):
        assert parse_fault(name) == Fault(name)
        assert parse_fault(f"{name}@2.5s") == Fault(name, after_s=2.5)
        assert parse_fault(f"{name}@3") == Fault(name, nth=3)
        assert parse_fault(f"{name}@build") == Fault(name, moment="build")

    def test_when_they_strike(self):
        assert Fault("link-cut", after_s=2.0).strikes(2.0)
        assert not Fault("link-cut", after_s=2.0).strikes(1.9, nth=7)
        assert Fault("link-cut", nth=7).strikes(0.0, nth=7)
        assert not Fault("link-cut", moment="build").strikes(99.0, nth=7)

"""The vendor's programs of a simulated board: called over SSH as by hand, and read by the agent's own parsers."""

from contextlib import ExitStack, contextmanager, suppress

import pytest

from edgebench.agent import powermode, tegrastats
from edgebench.mock.jetson.board import JetsonBoard
from edgebench.mock.jetson.boards import BOARDS
from edgebench.mock.jetson.faults import parse_fault
from edgebench.mock.jetson.host import Call, Gone
from edgebench.mock.jetson.programs.tegrastats import PROGRAM as TEGRASTATS
from edgebench.mock.jetson.programs.vcgencmd import PROGRAM as VCGENCMD
from edgebench.mock.phone.loads import Work
from edgebench.transports.places import SshPlace
from edgebench.transports.ssh import SshTransport
from edgebench.transports.ssh_config import SshSettings

SETTINGS = SshSettings(config_files=(), known_hosts=(), agent=False, connect_s=10.0, stall_s=10.0)
GOVERNOR = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
RAIL = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"


def place_of(board):
    return SshPlace("board", "127.0.0.1", board.ssh.port, board.user, board.client_key, board.known_hosts)


@contextmanager
def reached(folder, name="jetson-nano", *faults, speed=1.0):
    """A board and the transport to it."""
    with (
        JetsonBoard(folder, name, faults=map(parse_fault, faults), speed=speed) as board,
        SshTransport(place_of(board), SETTINGS) as link,
    ):
        yield board, link


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    with reached(tmp_path_factory.mktemp("nano") / "board") as both:
        yield both


class Recorder:
    """A line to nobody: keeps what is printed, and hangs up at the `last` wait."""

    def __init__(self, last=1):
        self.text, self.left = "", last

    def out(self, text):
        self.text += text

    err = out

    def wait_until(self, _):
        self.left -= 1
        if self.left < 0:
            raise Gone


def heard(board, program, *argv, as_root=False, last=1):
    """What a program prints when no process has to run for it: none draws power."""
    line = Recorder(last)
    with suppress(Gone):
        program.handler(Call(program.name, argv, board.root, 0, as_root), line, board)
    return line.text


@pytest.fixture
def quiet(tmp_path):
    """Makes a board on which nothing runs."""
    with ExitStack() as stack:
        yield lambda name, *faults: stack.enter_context(
            JetsonBoard(tmp_path / name, name, faults=map(parse_fault, faults))
        )


def said(link, *argv, stdin=b""):
    """(exit status, standard output, standard error) of a command."""
    done = link.exec(list(argv), stdin=stdin)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class TestSudo:
    """Who may do what."""

    def test_it_runs_what_follows_as_root(self, nano):
        board, link = nano
        path = str(board.root / GOVERNOR)
        assert said(link, "sudo", "-n", str(board.root / "usr/bin/tee"), path, stdin=b"performance\n")[0] == 0
        assert (board.root / GOVERNOR).read_text() == "performance\n"
        assert said(link, "sudo", "-n", "tee", path, stdin=b"schedutil\n")[0] == 0
        code, _, wrong = said(link, "sudo", "-n", "tee", path, stdin=b"fastest\n")
        assert (code, "Invalid argument" in wrong) == (1, True)

    def test_a_plain_write_is_refused(self, nano):
        board, link = nano
        code, _, wrong = said(link, "sh", "-c", 'echo powersave > "$1"', "sh", str(board.root / GOVERNOR))
        assert (code != 0, "ermission denied" in wrong) == (True, True)

    def test_rails_are_roots_until_they_are_opened(self, nano):
        board, link = nano
        rail = str(board.root / RAIL)
        script = ["sh", "-c", 'exec cat "$1"', "sh", rail]
        assert said(link, *script)[0] != 0
        assert int(said(link, "sudo", "-n", "cat", rail)[1]) > 0
        assert said(link, "sudo", "-n", "chmod", "a+r", rail)[0] == 0
        assert int(said(link, *script)[1]) > 0
        assert said(link, "sudo", "-n", "chmod", "go-r", rail)[0] == 0
        assert said(link, *script)[0] != 0

    def test_nothing_beyond_the_board_is_reached(self, nano, tmp_path):
        board, link = nano
        for path in (tmp_path / "new", board.root / "../bin/new", "/etc/edgebench-mock"):
            assert said(link, "sudo", "-n", "tee", str(path), stdin=b"x")[0] == 1
        assert not (tmp_path / "new").exists()
        assert said(link, "sudo", "-n", "/bin/sh", "-c", "id")[0] == 1
        assert "command not found" in said(link, "sudo", "-n", "sh", "-c", "id")[2]

    def test_a_ticket_is_for_one_program_alone(self, nano):
        board, link = nano
        code, _, wrong = said(link, "env", "EDGEBENCH_MOCK_TICKET=made-up", "nvpmodel", "-m", "1")
        assert (code, "NVPM ERROR" in wrong) == (255, True)
        assert board.powers.mode().name == "MAXN"

    def test_it_asks_for_a_password_where_that_is_the_fault(self, tmp_path):
        with reached(tmp_path / "board", "jetson-nano", "no-sudo") as (_, link):
            code, _, wrong = said(link, "sudo", "-n", "true")
            assert (code, wrong) == (1, "sudo: a password is required\n")
            assert "a terminal is required" in said(link, "sudo", "true")[2]
            assert powermode.parse_current(said(link, "nvpmodel", "-q")[1]) == {"id": 0, "name": "MAXN"}


class TestPowerModes:
    """nvpmodel."""

    @pytest.mark.parametrize("name", [name for name, board in BOARDS.items() if board.is_jetson])
    def test_modes_are_listed_as_they_are(self, tmp_path, name):
        with reached(tmp_path / "board", name) as (_, link):
            listed = powermode.parse_modes(said(link, "nvpmodel", "-p", "--verbose")[1])
            assert listed == [{"id": mode.number, "name": mode.name} for mode in BOARDS[name].modes]
            current = powermode.parse_current(said(link, "nvpmodel", "-q", "--verbose")[1])
            assert current["id"] == BOARDS[name].mode

    def test_it_is_set_as_root_and_felt(self, nano):
        board, link = nano
        assert said(link, "nvpmodel", "-m", "1")[0] == 255
        assert said(link, "sudo", "-n", "nvpmodel", "-m", "1")[:2] == (0, "")
        assert powermode.parse_current(said(link, "nvpmodel", "-q")[1]) == {"id": 1, "name": "5W"}
        assert (board.root / "sys/devices/system/cpu/online").read_text() == "0-1\n"
        assert said(link, "sudo", "-n", "nvpmodel", "-m", "0")[0] == 0
        assert "request for bad power mode 7" in said(link, "sudo", "-n", "nvpmodel", "-m", "7")[2]

    def test_another_mask_of_the_gpu_takes_a_reboot(self, tmp_path):
        with reached(tmp_path / "board", "jetson-orin-nano", speed=100.0) as (board, link):
            code, out, wrong = said(link, "sudo", "-n", "nvpmodel", "-m", "3")
            assert powermode.asks_for_reboot(out)
            assert (code, "NVPM ERROR: optMask is 1" in wrong) == (255, True)
            assert board.powers.mode().name == "25W"
            assert said(link, "sudo", "-n", "nvpmodel", "-m", "2")[0] == 0

    def test_any_other_mode_does_where_that_is_the_fault(self, tmp_path):
        with reached(tmp_path / "board", "jetson-nano", "mode-needs-reboot") as (board, link):
            assert powermode.asks_for_reboot(said(link, "sudo", "-n", "nvpmodel", "-m", "1")[1])
            assert board.powers.mode().name == "MAXN"


class TestClocks:
    """jetson_clocks."""

    def test_stored_locked_and_restored(self, nano):
        board, link = nano
        store, policy = str(board.root / "root/clocks"), board.root / "sys/devices/system/cpu/cpufreq/policy0"
        assert "file not found" in said(link, "sudo", "-n", "jetson_clocks", "--restore", store)[1]
        assert said(link, "sudo", "-n", "jetson_clocks", "--store", store)[0] == 0
        assert "already exists!" in said(link, "sudo", "-n", "jetson_clocks", "--store", store)[1]
        assert said(link, "sudo", "-n", "jetson_clocks", "--store", store, stdin=b"y\n")[0] == 0
        assert said(link, "sudo", "-n", "jetson_clocks")[0] == 0
        assert (policy / "scaling_min_freq").read_text() == "1479000\n"
        shown = said(link, "sudo", "-n", "jetson_clocks", "--show")[1]
        assert "MinFreq=1479000 MaxFreq=1479000" in shown
        assert "GPU MinFreq=921600000 MaxFreq=921600000" in shown
        assert "FreqOverride=1" in shown
        assert said(link, "sudo", "-n", "jetson_clocks", "--restore", store)[0] == 0
        assert (policy / "scaling_min_freq").read_text() == "102000\n"

    def test_it_wants_root(self, nano):
        code, out, _ = said(nano[1], "jetson_clocks", "--show")
        assert (code, "as a root user" in out) == (1, True)


class TestTegrastats:
    """Lines that the agent's tokeniser reads to the last word."""

    def lines(self, link, count, *argv):
        with link.stream([*argv, "tegrastats", "--interval", "20"], silence_s=20.0) as stream:
            found = []
            for line in stream:
                found.append(tegrastats.parse(line.decode() if isinstance(line, bytes) else line))
                if len(found) == count:
                    return found
        raise AssertionError("it ended")

    @pytest.mark.parametrize("name", [name for name, board in BOARDS.items() if board.is_jetson])
    def test_every_release_is_understood(self, tmp_path, name):
        with reached(tmp_path / "board", name, speed=5.0) as (board, link):
            board.work("a test", Work("gpu", board.facts.draw.gpu / 2))
            for how in ((), ("sudo", "-n")):
                for line in self.lines(link, 2, *how):
                    assert line.left == []
                    assert len(line.cores) == board.facts.cpus
                    assert set(line.rails) == {rail.label for chip in board.facts.chips for rail in chip.rails} - {"NC"}
                    assert line.zones

    def test_watts_are_those_of_the_board(self, quiet):
        board = quiet("jetson-nano")
        idle = tegrastats.parse(heard(board, TEGRASTATS))
        board.work("a test", Work("gpu", 4.0))
        with board.living.held():
            board.hardware.board.advance(0.2)
        busy = tegrastats.parse(heard(board, TEGRASTATS, as_root=True))
        watts = [line.rails["POM_5V_IN"] / 1000 for line in (idle, busy)]
        # one reading each: three sd of the board's noise (1 % each millisecond), and a step of the monitor (42 mW)
        true = [board.facts.draw.idle, board.facts.draw.idle + 4.0]
        assert watts == pytest.approx(true, rel=0.04, abs=0.03 * board.facts.draw.idle + 0.0422)
        assert (idle.engines["GR3D_FREQ"], busy.engines["GR3D_FREQ"]) == ((0, None), (80, 922))

    def test_there_is_none_where_that_is_the_fault(self, tmp_path):
        with reached(tmp_path / "board", "jetson-nano", "no-tegrastats", "no-trtexec") as (board, link):
            assert said(link, "tegrastats")[0] == 127
            assert not (board.root / "usr/bin/tegrastats").exists()
            assert not (board.root / "usr/src/tensorrt/bin/trtexec").exists()


class TestRaspberryPi:
    """vcgencmd."""

    def test_a_5_tells_what_its_rails_carry(self, quiet):
        board = quiet("raspberry-pi-5")
        rows = dict(line.split() for line in heard(board, VCGENCMD, "pmic_read_adc").splitlines())
        amps = {name[:-2]: float(text.split("=")[1][:-1]) for name, text in rows.items() if name.endswith("_A")}
        volts = {name[:-2]: float(text.split("=")[1][:-1]) for name, text in rows.items() if name.endswith("_V")}
        carried = sum(amps[name] * volts[name] for name in amps)
        assert carried == pytest.approx(0.74 * board.facts.draw.idle, rel=0.05)
        assert "EXT5V" in set(volts) - set(amps)

    def test_a_5_tells_of_low_voltage_now_and_since(self, quiet):
        board = quiet("raspberry-pi-5", "brown-out")
        assert heard(board, VCGENCMD, "get_throttled") == "throttled=0x0\n"
        for work, bits in ((Work("cpu", 4.0), "0x10001"), (None, "0x10000")):
            board.work("a test", work)
            with board.living.held():
                board.hardware.board.advance(0.2)
            assert heard(board, VCGENCMD, "get_throttled") == f"throttled={bits}\n"

    def test_it_answers_over_the_link(self, tmp_path):
        with reached(tmp_path / "board", "raspberry-pi-5") as (_, link):
            assert said(link, "vcgencmd", "get_throttled")[1] == "throttled=0x0\n"
            assert said(link, "vcgencmd", "measure_temp")[1].startswith("temp=")

    def test_a_4_says_so_and_ends_well(self, tmp_path):
        with reached(tmp_path / "board", "raspberry-pi-4") as (_, link):
            code, out, _ = said(link, "vcgencmd", "pmic_read_adc")
            assert (code, out) == (0, 'error=1 error_msg="Command not registered"\n')

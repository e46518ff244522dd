"""What every transport promises, asked of each in the same words.

`adb` is a phone with shell v2, `old adb` one before Android 7, whose shell has a single stream; both are a plain folder
with a real shell behind a real adb server, reached as /data/local/tmp. `mock` is a simulated board's own SSH server.
"""

from __future__ import annotations

import hashlib
import os
import random
import stat
import threading
import time
from collections.abc import Iterator

import pytest
from adb_room import PlainPhone

from edgebench.errors import DeviceLost, DeviceUnfit
from edgebench.mock.jetson.board import JetsonBoard
from edgebench.mock.phone.face import USUAL_FEATURES
from edgebench.transports import CommandTimeout, FileMissing
from edgebench.transports.local import LocalTransport
from edgebench.transports.places import SshPlace
from edgebench.transports.ssh import SshTransport
from edgebench.transports.ssh_config import SshSettings

HOSTILE = [
    "a b",
    " lead and trail ",
    "",
    "it's",
    'say "hi"',
    "a;touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "$HOME ${PATH}",
    "line\nbreak\n",
    "tab\there",
    "back\\slash\\n",
    "* ? [a-z] {1,2}",
    "~root ~",
    "!history #comment &bg |pipe >out <in",
    "-n",
    "--help",
    "%s%d",
    "grüße 温度 🌡",
    "\udcff\udcfe raw bytes",
    "\x01\x7f\r",
]
HOSTILE_NAMES = [name for name in HOSTILE if name] + ["-rf"]


@pytest.fixture(
    scope="session", params=["local", "ssh", "mock", "adb", pytest.param("old adb", marks=pytest.mark.heavy)]
)
def device(request, tmp_path_factory) -> Iterator[tuple]:
    """(transport, its home folder as this machine sees it)"""
    if request.param == "local":
        home = tmp_path_factory.mktemp("local home")
        with LocalTransport("here", home=home) as transport:
            yield transport, home
    elif request.param.endswith("adb"):
        features = ("cmd",) if request.param == "old adb" else USUAL_FEATURES
        phone = PlainPhone(tmp_path_factory.mktemp("phone") / "plain", serial=request.param, features=features)
        with request.getfixturevalue("behind")(phone) as transport:
            yield transport, phone.tmp
    elif request.param == "mock":
        with JetsonBoard(tmp_path_factory.mktemp("board") / "folder") as board:
            place = SshPlace("board", "127.0.0.1", board.ssh.port, board.user, board.client_key, board.known_hosts)
            settings = SshSettings(config_files=(), known_hosts=(), agent=False, connect_s=10.0, stall_s=10.0)
            with SshTransport(place, settings) as transport:
                yield transport, board.home
    else:
        server = request.getfixturevalue("server")
        with SshTransport(server.place(), server.settings()) as transport:
            yield transport, server.home


@pytest.fixture
def transport(device):
    return device[0]


@pytest.fixture
def home(device):
    return device[1]


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(random.Random(7).randbytes(700_001))
    return path


def test_hostile_words_arrive_as_they_are(transport):
    done = transport.exec(["printf", "%s\\0", *HOSTILE])
    assert done.returncode == 0
    assert done.stdout == b"".join(os.fsencode(word) + b"\0" for word in HOSTILE)


def test_hostile_words_run_nothing(transport, home):
    transport.exec(["true", *HOSTILE])
    assert not (home / "pwned").exists()


def test_environment_values_arrive_as_they_are(transport):
    values = {f"EB_{index}": word for index, word in enumerate(HOSTILE)}
    script = "; ".join(f"printf '%s\\0' \"${name}\"" for name in values)
    done = transport.exec(["sh", "-c", script], env=values)
    assert done.stdout == b"".join(os.fsencode(word) + b"\0" for word in HOSTILE)


@pytest.mark.parametrize("env", [{"A B": "x"}, {"": "x"}, {"A;ls": "x"}, {"A": "nul\0"}])
def test_an_impossible_environment_is_refused(transport, env):
    with pytest.raises(ValueError, match="environment"):
        transport.exec(["true"], env=env)


@pytest.mark.parametrize("argv", [[], "ls -l", ["printf", "a\0b"]])
def test_what_is_no_argument_list_is_refused(transport, argv):
    with pytest.raises(ValueError, match=r"argv|NUL"):
        transport.exec(argv)


@pytest.mark.parametrize("code", [0, 1, 2, 126, 255])
def test_exit_codes_come_back(transport, code):
    assert transport.exec(["sh", "-c", f"exit {code}"]).returncode == code


def test_outputs_are_kept_apart_and_exact(transport):
    done = transport.exec(["sh", "-c", "printf '\\nout\\000'; printf '\\nerr\\377' >&2"])
    assert (done.stdout, done.stderr) == (b"\nout\0", b"\nerr\xff")


def test_a_program_that_is_not_there_is_127(transport):
    done = transport.exec(["no-such-program-anywhere"])
    assert done.returncode == 127
    assert b"no-such-program-anywhere" in done.stderr


def test_a_file_that_is_no_program_is_126(transport, home):
    (home / "plain").write_text("not a program")
    (home / "plain").chmod(0o600)
    assert transport.exec(["./plain"]).returncode == 126


def test_a_signal_is_minus_one(transport):
    done = transport.exec(["sh", "-c", "echo so far; kill -9 $$"])
    assert (done.returncode, done.stdout) == (-1, b"so far\n")
    assert transport.exec(["true"]).returncode == 0


def test_commands_start_at_home_without_a_terminal(transport, home):
    done = transport.exec(["sh", "-c", "pwd -P; test -t 0 || echo no terminal"])
    assert done.stdout.decode() == f"{home.resolve()}\nno terminal\n"


def test_stdin_is_given_whole_and_ends(transport):
    data = random.Random(3).randbytes(5_000_000)
    done = transport.exec(["sha256sum"], stdin=data)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert transport.exec(["cat"]).stdout == b""


def test_stdin_that_nobody_reads_is_no_error(transport):
    assert transport.exec(["true"], stdin=bytes(5_000_000)).returncode == 0


def test_much_output_on_both_streams_does_not_block(transport):
    script = "head -c 6000000 /dev/zero >&2; head -c 6000000 /dev/zero"
    done = transport.exec(["sh", "-c", script])
    assert (len(done.stdout), len(done.stderr)) == (6_000_000, 6_000_000)


def test_a_timeout_kills_the_whole_group(transport, home):
    # the grandchild holds the fifo open: its reader sees the end only when all of them are dead
    fifo = home / "alive"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    ended = threading.Event()

    def watch() -> None:
        with fifo.open("rb") as reader:
            reader.read()
        ended.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match=r"`sh` did not end within 0\.5 s") as caught:
        transport.exec(["sh", "-c", "exec 3>alive; sleep 600 & sleep 600"], timeout_s=0.5)
    assert time.monotonic() - began < 5
    assert ended.wait(10)
    watcher.join()
    assert (caught.value.code, caught.value.transient) == ("timeout", False)
    assert transport.exec(["true"]).returncode == 0


def test_lines_come_while_the_command_runs(transport, home):
    fifo = home / "go"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    with transport.stream(["sh", "-c", "echo one; read x <go; echo $x; printf last"], silence_s=10) as stream:
        lines = iter(stream)
        assert next(lines) == b"one"
        # the command cannot have gone on: it waits for this
        fifo.write_text("two\n")
        assert list(lines) == [b"two", b"last"]
        assert stream.returncode == 0


def test_a_stream_has_exit_code_and_errors(transport):
    with transport.stream(["sh", "-c", "echo out; echo trouble >&2; exit 3"], silence_s=10) as stream:
        assert list(stream) == [b"out"]
        assert (stream.returncode, stream.stderr) == (3, b"trouble\n")


def test_a_stream_of_a_missing_program_is_127(transport):
    with transport.stream(["no-such-program-anywhere"], silence_s=10) as stream:
        assert list(stream) == []
        assert stream.returncode == 127


def test_many_lines_come_whole_and_in_order(transport):
    with transport.stream(["seq", "200000"], silence_s=10) as stream:
        assert [int(line) for line in stream] == list(range(1, 200_001))


def test_stop_from_another_thread_ends_the_lines_and_the_command(transport):
    with transport.stream(["sh", "-c", "echo $$; exec sleep 600"], silence_s=None) as stream:
        lines = iter(stream)
        pid = next(lines).decode()
        stopper = threading.Timer(0.05, stream.stop)
        stopper.start()
        assert list(lines) == []
        stopper.join()
        stream.stop()
        assert stream.returncode is None
    state = transport.exec(["sh", "-c", 'cut -d" " -f3 /proc/$1/stat 2>/dev/null || echo gone', "sh", pid])
    assert state.stdout.strip() in (b"gone", b"Z")


def test_leaving_the_block_stops_the_command(transport):
    with transport.stream(["sh", "-c", "echo $$; exec sleep 600"], silence_s=10) as stream:
        pid = next(iter(stream)).decode()
    state = transport.exec(["sh", "-c", 'cut -d" " -f3 /proc/$1/stat 2>/dev/null || echo gone', "sh", pid])
    assert state.stdout.strip() in (b"gone", b"Z")


def test_silence_is_seen_in_time(transport):
    began = time.monotonic()
    with transport.stream(["sh", "-c", "echo one; sleep 600"], silence_s=0.4) as stream:
        lines = iter(stream)
        assert next(lines) == b"one"
        with pytest.raises(DeviceLost, match=r"no output for 0\.4 s"):
            next(lines)
    assert 0.4 <= time.monotonic() - began < 4


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_files_of_any_name_go_there_and_back(transport, home, tmp_path, name):
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(b"data of " + os.fsencode(name))
    folder = home / "files"
    folder.mkdir(exist_ok=True)
    assert transport.push(source, f"files/{name}").bytes_sent == source.stat().st_size
    assert [path.name for path in folder.iterdir()] == [name]
    assert transport.pull(f"files/{name}", back) == source.stat().st_size
    assert back.read_bytes() == source.read_bytes()
    (folder / name).unlink()


@pytest.mark.parametrize("name", ["-", "-rf", "$(touch pwned)"])
def test_relative_names_begin_at_home(transport, home, payload, tmp_path, name):
    transport.push(payload, name)
    assert (home / name).read_bytes() == payload.read_bytes()
    transport.pull(name, tmp_path / "back")
    (home / name).unlink()
    assert not (home / "pwned").exists()


@pytest.mark.parametrize("size", [0, 1, 262_144, 3_000_000])
def test_sizes_around_the_chunk(transport, home, tmp_path, size):
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(random.Random(size).randbytes(size))
    calls: list[tuple[int, int]] = []
    transport.push(source, "sized", progress=lambda done, total: calls.append((done, total)))
    assert (home / "sized").read_bytes() == source.read_bytes()
    assert calls == sorted(calls)
    assert calls[-1:] == ([(size, size)] if size else [])
    calls.clear()
    assert transport.pull("sized", back, progress=lambda done, total: calls.append((done, total))) == size
    assert back.read_bytes() == source.read_bytes()
    assert calls[-1:] == ([(size, size)] if size else [])
    (home / "sized").unlink()


@pytest.mark.parametrize("mode", [0o600, 0o700])
def test_the_mode_is_the_one_asked_for(transport, home, payload, mode):
    transport.push(payload, "tool", mode=mode)
    assert stat.S_IMODE((home / "tool").stat().st_mode) == mode


def test_a_second_push_sends_nothing(transport, home, payload):
    assert transport.push(payload, "twice", mode=0o600).bytes_sent == 700_001
    inode = (home / "twice").stat().st_ino
    again = transport.push(payload, "twice", mode=0o700)
    assert (again.bytes_sent, again.skipped) == (0, True)
    assert (home / "twice").stat().st_ino == inode
    assert stat.S_IMODE((home / "twice").stat().st_mode) == 0o700


def test_a_push_replaces_a_file_of_the_same_size(transport, home, payload):
    (home / "old").write_bytes(bytes(700_001))
    assert not transport.push(payload, "old").skipped
    assert (home / "old").read_bytes() == payload.read_bytes()


def test_the_target_has_its_old_content_until_the_new_is_whole(transport, home, payload):
    (home / "live").write_bytes(b"old")
    seen: list[bytes] = []
    transport.push(payload, "live", progress=lambda *_: seen.append((home / "live").read_bytes()))
    assert set(seen) == {b"old"}


def test_a_failed_push_leaves_nothing(transport, home, payload):
    def fail(done: int, total: int) -> None:
        raise RuntimeError(f"stopped at {done} of {total}")

    with pytest.raises(RuntimeError, match="stopped at"):
        transport.push(payload, "never", progress=fail)
    assert not [path.name for path in home.iterdir() if path.name.startswith("never")]
    assert transport.push(payload, "never").bytes_sent == 700_001


def test_a_failed_pull_leaves_the_old_file(transport, home, payload, tmp_path):
    def fail(done: int, total: int) -> None:
        raise RuntimeError("stopped")

    (home / "there").write_bytes(payload.read_bytes())
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="stopped"):
        transport.pull("there", target, progress=fail)
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payload", "target"]


def test_a_file_that_changes_while_it_is_pulled_is_not_taken(transport, home, payload, tmp_path):
    (home / "growing").write_bytes(payload.read_bytes())

    def change(done: int, total: int) -> None:
        (home / "growing").write_bytes(b"other")

    with pytest.raises(DeviceLost, match="changed"):
        transport.pull("growing", tmp_path / "back", progress=change)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payload"]


def test_missing_things_are_named(transport, payload, tmp_path):
    with pytest.raises(FileMissing, match="no such file or folder: 'not/there'"):
        transport.pull("not/there", tmp_path / "back")
    with pytest.raises(FileMissing, match="no such file or folder: 'not/there'"):
        transport.push(payload, "not/there")
    with pytest.raises(FileNotFoundError):
        transport.push(tmp_path / "absent", "target")
    assert not (tmp_path / "back").exists()


def test_a_folder_is_no_file(transport, home, tmp_path):
    (home / "folder").mkdir(exist_ok=True)
    with pytest.raises(Exception, match="'folder' is not a file"):
        transport.pull("folder", tmp_path / "back")


def test_a_full_disk_is_told_and_left_clean(transport, home, payload, mount):
    folder = mount("small", "size=256k", below=home)
    with pytest.raises(DeviceUnfit, match="no space left for") as caught:
        transport.push(payload, str(folder / "target"))
    assert caught.value.code == "disk-full"
    assert list(folder.iterdir()) == []
    assert transport.exec(["true"]).returncode == 0


def test_a_read_only_folder_is_told(transport, home, payload, mount):
    folder = mount("fixed", "size=256k,ro", below=home)
    with pytest.raises(DeviceUnfit, match="permission denied or read-only") as caught:
        transport.push(payload, str(folder / "target"))
    assert caught.value.code == "permission"


def test_identity_is_stable_and_short(transport):
    assert transport.identity() == transport.identity()
    assert transport.identity().split(":")[0] in ("ssh", "host", "adb")
    assert len(transport.identity()) < 64


def test_close_twice(server, behind, tmp_path):
    with behind(PlainPhone(tmp_path / "plain")) as phone:
        here, board = LocalTransport("here", home=tmp_path), SshTransport(server.place(), server.settings())
        for transport in (here, board, phone):
            transport.close()
            transport.close()

"""Parts without a device: quoting, lines, known_hosts, places, configuration, the registry and its retries."""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import AuthRefused, ConfigError, DeviceUnreachable
from edgebench.transports import LocalPlace, SshPlace, connect, open_transport
from edgebench.transports.known_hosts import HostKey, KnownHosts, append_key, key_name
from edgebench.transports.lines import LineBuffer, Tail
from edgebench.transports.local import LocalTransport
from edgebench.transports.quoting import Unmarked, marked_line, shell_line
from edgebench.transports.ssh_config import SshSettings, route

KEY = HostKey("ssh-ed25519", base64.b64encode(b"a key").decode())
OTHER = HostKey("ssh-ed25519", base64.b64encode(b"another").decode())
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(words, min_size=1, max_size=5))
def test_shell_lines_mean_their_words(argv):
    assert shlex.split(shell_line(argv).decode()) == argv


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_marked_line_runs_behind_its_marker(shell):
    line = marked_line(["printf", "%s|", "a b", "$(x)"], "mark", {"A": "it's"})
    done = subprocess.run([shell, "-c", line], capture_output=True, check=True)
    output = Unmarked("mark")
    assert output.feed(b"noise\n" + done.stdout) == b"a b|$(x)|"
    assert output.before == b"noise\n"
    assert int(output.rest_of_line) == os.getpgid(0)


@given(st.binary(max_size=50), st.lists(st.integers(0, 80), max_size=6))
def test_the_marker_is_found_however_the_bytes_are_cut(payload, cuts):
    data = b"hello\n" + b"\nmark 7\n" + payload
    places = [0, *sorted(cuts), len(data)]
    output = Unmarked("mark")
    assert b"".join(output.feed(data[a:b]) for a, b in pairwise(places)) == payload


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_lines_are_the_same_however_the_bytes_are_cut(data, cuts):
    places = [0, *sorted(cuts), len(data)]
    buffer = LineBuffer()
    lines = [line for a, b in pairwise(places) for line in buffer.feed(data[a:b])]
    lines += buffer.rest()
    assert lines == (data[:-1] if data.endswith(b"\n") else data).split(b"\n") if data else lines == []


def test_a_tail_keeps_the_end():
    tail = Tail(limit=5)
    tail.feed(b"abc")
    tail.feed(b"defg")
    assert tail.data == b"cdefg"


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ("board", True),
        ("other,board", True),
        ("bo*", True),
        ("boar?", True),
        ("*,!board", False),
        ("Board", True),
        ("[board]:22", False),
        ("other", False),
    ],
)
def test_known_hosts_patterns(tmp_path, patterns, found):
    file = tmp_path / "known"
    file.write_text(f"# a comment\n\nnonsense\nx y not-base64!\n{patterns} {KEY.type} {KEY.base64} comment\n")
    assert KnownHosts([file, tmp_path / "absent"]).keys_of("board") == ([KEY] if found else [])


def test_hashed_names_as_openssh_writes_them(tmp_path):
    file = tmp_path / "known"
    append_key(file, "[10.0.0.7]:2222", KEY)
    append_key(file, "board", OTHER)
    real = tmp_path / "real"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", real], check=True)
    kind, blob = real.with_suffix(".pub").read_text().split()[:2]
    file.write_text(f"[10.0.0.7]:2222 {kind} {blob}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "10.0.0.7" not in file.read_text()
    known = KnownHosts([file])
    assert known.keys_of(key_name("10.0.0.7", 2222)) == [HostKey(kind, blob)]
    assert known.keys_of("10.0.0.7") == []


def test_markers(tmp_path):
    file = tmp_path / "known"
    file.write_text(
        f"@cert-authority * {OTHER.type} {OTHER.base64}\n@revoked * {KEY.type} {KEY.base64}\nboard x {KEY.base64}\n"
    )
    known = KnownHosts([file])
    assert known.is_revoked(KEY)
    assert not known.is_revoked(OTHER)
    assert known.keys_of("board") == [HostKey("x", KEY.base64)]


def test_appending_keeps_what_is_there(tmp_path):
    real = tmp_path / "dotfiles" / "known"
    real.parent.mkdir()
    real.write_bytes(b"without a newline")
    real.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(real)
    for _ in range(2):
        append_key(link, "board", KEY)
    assert real.read_text() == f"without a newline\nboard {KEY.type} {KEY.base64}\n"
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in real.parent.iterdir()] == ["known"]


def settings(*files: Path) -> SshSettings:
    return SshSettings(config_files=files, known_hosts=(), default_keys=(Path("/k"),))


def test_the_place_comes_before_the_configuration(tmp_path):
    file = tmp_path / "config"
    file.write_text("Host b\n HostName h\n Port 5\n User u\n IdentityFile /from/config\n IdentitiesOnly yes\n")
    (hop,) = route(SshPlace("board", "b"), settings(file))
    assert (hop.host, hop.port, hop.user, hop.known_as) == ("h", 5, "u", "[h]:5")
    assert (hop.keys, hop.use_agent) == ((Path("/from/config"),), False)
    (hop,) = route(SshPlace("board", "b", 22, "me", Path("/mine")), settings(file))
    assert (hop.port, hop.user, hop.keys, hop.known_as) == (22, "me", (Path("/mine"),), "h")
    (hop,) = route(SshPlace("board", "elsewhere"), settings(file, tmp_path / "absent"))
    assert (hop.host, hop.port, hop.keys, hop.use_agent) == ("elsewhere", 22, (Path("/k"),), True)


def test_routes_over_several_jumps(tmp_path):
    file = tmp_path / "config"
    file.write_text("Host c\n ProxyJump x@a:7,b\nHost a\n ProxyJump gate\nHost b\n ProxyJump unused\nHost *\n User u\n")
    hops = route(SshPlace("board", "c"), settings(file))
    assert [hop.address for hop in hops] == ["u@gate", "x@a:7", "u@b", "u@c"]


def test_an_include_ends_with_its_block(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.conf").write_text("Host only\n Port 1\n")
    file = tmp_path / "config"
    file.write_text("Include d/*.conf nothing/*.conf\nUser everyone\nHost b\n Port 9\n")
    (hop,) = route(SshPlace("board", "b"), settings(file))
    assert (hop.user, hop.port) == ("everyone", 9)
    (hop,) = route(SshPlace("board", "only"), settings(file))
    assert (hop.user, hop.port) == ("everyone", 1)


@pytest.mark.parametrize(
    "text", ["Include config\n", "Host b\n ProxyJump b\n", "Host b\n ProxyJump ::\n", "just-one-word\n"]
)
def test_bad_configurations_are_told(tmp_path, text):
    (tmp_path / "config").write_text(text)
    with pytest.raises(ConfigError):
        route(SshPlace("board", "b"), settings(tmp_path / "config"))


def test_addresses_as_users_type_them():
    assert SshPlace("n", "h").address == "h"
    assert SshPlace("n", "h", 2222, "u").address == "u@h:2222"


def test_the_registry_opens_by_kind_of_place():
    with open_transport(LocalPlace("here")) as transport:
        assert (transport.name, transport.kind) == ("here", "local")
    with pytest.raises(TypeError, match="no transport for str"):
        open_transport("here")  # type: ignore[arg-type]


def test_importing_the_room_loads_no_vendor_library():
    code = (
        "import sys, edgebench.transports; print(*{'paramiko', 'adbutils', 'tenacity', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_machine_identity_hides_the_machine_id(tmp_path):
    (tmp_path / "id").write_text("0123456789abcdef0123456789abcdef\n")
    one = LocalTransport("a", machine_id=tmp_path / "id").identity()
    assert one == LocalTransport("b", machine_id=tmp_path / "id").identity()
    assert "0123456789" not in one
    assert LocalTransport("a", machine_id=tmp_path / "none").identity() != one


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_connect_tries_again_until_it_works():
    clock = FakeClock()
    answers = [DeviceUnreachable("here"), DeviceUnreachable("here"), LocalTransport("here")]

    def opener(place):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert connect(LocalPlace("here"), clock=clock, opener=opener).name == "here"
    assert clock.slept == [0.5, 1.0]


def test_connect_gives_up_in_time():
    clock = FakeClock()

    def opener(place):
        raise DeviceUnreachable("here", f"at {clock.now}")

    with pytest.raises(DeviceUnreachable, match=r"at 23\.5"):
        connect(LocalPlace("here"), clock=clock, total_s=30, opener=opener)
    assert clock.slept == [0.5, 1, 2, 4, 8, 8]


def test_connect_does_not_repeat_what_cannot_help():
    clock = FakeClock()

    def opener(place):
        raise AuthRefused("here")

    with pytest.raises(AuthRefused):
        connect(LocalPlace("here"), clock=clock, opener=opener)
    assert clock.slept == []

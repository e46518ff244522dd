"""Finding the device, knowing it and being let in: each refusal says what is wrong and what to do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from sshd import Sshd, make_key

from edgebench.errors import (
    AuthRefused,
    ConfigError,
    DeviceError,
    DeviceLost,
    DeviceUnfit,
    DeviceUnreachable,
    HostKeyError,
)
from edgebench.transports import SshPlace
from edgebench.transports.hostkeys import (
    INSTALL_SCRIPT,
    HostKey,
    accept_host_key,
    install_public_key,
    scan_host_key,
)
from edgebench.transports.local import LocalTransport
from edgebench.transports.ssh import SshTransport


def refused(kind, place, settings) -> DeviceError:
    with pytest.raises(kind) as caught:
        SshTransport(place, settings)
    assert caught.value.message.startswith("board: ")
    assert "\n" not in caught.value.message
    return caught.value


def true_key(server: Sshd) -> HostKey:
    return HostKey(*server.host_key.with_suffix(".pub").read_text().split()[:2])


def keygen_fingerprint(server: Sshd) -> str:
    text = subprocess.run(["ssh-keygen", "-lf", server.host_key], capture_output=True, text=True, check=True).stdout
    return text.split()[1]


def test_an_unknown_key_is_refused_with_the_command_to_accept_it(server, tmp_path):
    place = replace(server.place(), known_hosts=tmp_path / "none")
    error = refused(HostKeyError, place, server.settings())
    assert keygen_fingerprint(server) in error.message
    assert f"`edgebench devices add {server.user}@127.0.0.1:{server.port}`" in error.hint
    assert not error.transient


def test_a_changed_key_names_both(server, tmp_path):
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()
    wrong = tmp_path / "wrong"
    wrong.write_text(f"[127.0.0.1]:{server.port} {other[0]} {other[1]}\n")
    error = refused(HostKeyError, replace(server.place(), known_hosts=wrong), server.settings())
    assert "changed" in error.message
    assert HostKey(other[0], other[1]).fingerprint in error.message
    assert keygen_fingerprint(server) in error.message
    assert "ssh-keygen -R" in error.hint


def test_a_revoked_key_is_refused_although_known(server, tmp_path):
    key = true_key(server)
    revoked = tmp_path / "revoked"
    revoked.write_text(f"{server.known_hosts.read_text()}@revoked * {key.type} {key.base64}\n")
    error = refused(HostKeyError, replace(server.place(), known_hosts=revoked), server.settings())
    assert "revoked" in error.message


def test_scan_then_accept_then_in(server, tmp_path):
    place = replace(server.place(), known_hosts=tmp_path / "folder" / "known")
    key = scan_host_key(place, server.settings())
    assert key == true_key(server)
    assert key.fingerprint == keygen_fingerprint(server)
    assert accept_host_key(place, key, server.settings()) == place.known_hosts
    with SshTransport(place, server.settings()) as board:
        assert board.identity() == f"ssh:{key.fingerprint}"
    # OpenSSH's own tool finds the line
    found = subprocess.run(["ssh-keygen", "-F", f"[127.0.0.1]:{server.port}", "-f", place.known_hosts], check=False)
    assert found.returncode == 0


def test_the_known_type_is_asked_for(tmp_path):
    """A server with several keys shows the one that we can check."""
    with Sshd(tmp_path / "two") as server:
        server.stop()
        rsa = tmp_path / "rsa"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa], check=True)
        server.lines.append(f"HostKey {rsa}")
        server.start()
        kind, blob = rsa.with_suffix(".pub").read_text().split()[:2]
        known = tmp_path / "only_rsa"
        known.write_text(f"[127.0.0.1]:{server.port} {kind} {blob}\n")
        with SshTransport(replace(server.place(), known_hosts=known), server.settings()) as board:
            assert board.identity() == f"ssh:{HostKey(kind, blob).fingerprint}"


def test_a_refused_key(server, tmp_path):
    place = replace(server.place(), key=make_key(tmp_path / "stranger"))
    error = refused(AuthRefused, place, server.settings())
    assert "stranger: refused" in error.message
    assert f"edgebench devices add {server.user}@127.0.0.1:{server.port}" in error.hint


def test_a_key_that_is_not_there(server, tmp_path):
    error = refused(AuthRefused, replace(server.place(), key=tmp_path / "absent"), server.settings())
    assert "absent: no such file" in error.message


def test_a_key_with_a_passphrase_needs_an_agent(server, tmp_path):
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", locked], check=True)
    error = refused(AuthRefused, replace(server.place(), key=locked), server.settings())
    assert "protected by a passphrase" in error.message
    assert error.hint == f"load the key into an agent: ssh-add {locked}"


def test_a_file_that_is_no_key(server, tmp_path):
    (tmp_path / "junk").write_text("this is not a key\n")
    error = refused(AuthRefused, replace(server.place(), key=tmp_path / "junk"), server.settings())
    assert "junk: not usable" in error.message


def test_no_key_at_all(server):
    error = refused(AuthRefused, replace(server.place(), key=None), server.settings())
    assert "there is no key to offer" in error.message


def test_an_agent_is_asked(server, tmp_path, monkeypatch):
    started = subprocess.run(["ssh-agent", "-s", "-a", tmp_path / "agent"], capture_output=True, text=True, check=True)
    pid = started.stdout.split("SSH_AGENT_PID=")[1].split(";")[0]
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    try:
        subprocess.run(["ssh-add", "-q", server.user_key], check=True)
        place = replace(server.place(), key=None)
        with SshTransport(place, server.settings(agent=True)) as board:
            assert board.exec(["true"]).returncode == 0
        refused(AuthRefused, place, server.settings(agent=False))
    finally:
        subprocess.run(["kill", pid], check=True)


def test_too_many_keys_say_so(tmp_path):
    with Sshd(tmp_path / "strict", lines=["MaxAuthTries 2"]) as server:
        keys = tuple(make_key(tmp_path / f"key{index}") for index in range(4))
        settings = server.settings(default_keys=keys)
        error = refused(AuthRefused, replace(server.place(), key=None), settings)
        assert "hung up after" in error.message
        assert "IdentitiesOnly" in error.hint


def test_a_wrong_password_installs_nothing(server):
    with pytest.raises(AuthRefused, match=r"password of .* refused"):
        install_public_key(server.place(), "ssh-ed25519 AAAA me", "wrong", server.settings())
    with pytest.raises(ValueError, match="one line"):
        install_public_key(server.place(), "two\nlines", "wrong", server.settings())


def test_the_key_is_installed_once(server, tmp_path):
    """The script alone, as the device's shell runs it: a real password cannot be had in a test."""
    with LocalTransport("here", home=tmp_path) as here:
        for line in ("ssh-ed25519 AAAA me", "ssh-ed25519 BBBB $(you) \\n", "ssh-ed25519 AAAA me"):
            done = here.exec(["sh", "-c", INSTALL_SCRIPT], stdin=line.encode() + b"\n")
            assert done.returncode == 0, done.stderr
    file = tmp_path / ".ssh" / "authorized_keys"
    assert file.read_text() == "ssh-ed25519 AAAA me\nssh-ed25519 BBBB $(you) \\n\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_closed_port(server):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can take it meanwhile
        place = replace(server.place(), port=holder.getsockname()[1])
        error = refused(DeviceUnreachable, place, server.settings())
    assert "refuses connections" in error.message
    assert error.transient


def test_an_unknown_name(server):
    place = replace(server.place(), host="no-such-host.invalid")
    error = refused(DeviceUnreachable, place, server.settings())
    assert "unknown host name 'no-such-host.invalid'" in error.message


def test_something_that_is_no_ssh_server(server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = replace(server.place(), port=silent.getsockname()[1])
        error = refused(DeviceUnreachable, place, server.settings(connect_s=0.3))
    assert "does not talk SSH" in error.message


def write_config(tmp_path, text: str):
    file = tmp_path / "config"
    file.write_text(text)
    return file


def test_an_alias_of_the_ssh_configuration(server, tmp_path):
    (tmp_path / "more.conf").write_text(f"Host bench-board\n  Port {server.port}\n")
    config = write_config(
        tmp_path,
        f"""Include more.conf
        Host bench-board
          HostName 127.0.0.1
          User {server.user}
          IdentityFile {server.user_key}
        """,
    )
    place = SshPlace("board", "bench-board", known_hosts=server.known_hosts)
    with SshTransport(place, server.settings(config_files=(config,))) as board:
        assert board.exec(["true"]).returncode == 0


@pytest.fixture(scope="module")
def second_server(server, tmp_path_factory):
    with Sshd(tmp_path_factory.mktemp("second") / "server", user_key=server.user_key) as running:
        yield running


def jump_config(tmp_path, server, second_server, jump: str):
    known = tmp_path / "known"
    shutil.copy(server.known_hosts, known)
    second_server.know(second_server.port, known)
    config = write_config(
        tmp_path,
        f"""
        Host outer
          HostName 127.0.0.1
          Port {second_server.port}
        Host inner
          HostName 127.0.0.1
          Port {server.port}
          {jump}
        Host *
          User {server.user}
          IdentityFile {server.user_key}
        """,
    )
    return SshPlace("board", "inner", known_hosts=known), server.settings(config_files=(config,))


@pytest.mark.parametrize("jump", ["ProxyJump outer", "ProxyJump outer,outer", "ProxyJump {user}@127.0.0.1:{port}"])
def test_through_jump_hosts(server, second_server, tmp_path, jump):
    jump = jump.format(user=server.user, port=second_server.port)
    place, settings = jump_config(tmp_path, server, second_server, jump)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))
    with SshTransport(place, settings) as board:
        # the last server sees a connection from the first, and has its own home
        assert board.exec(["pwd"]).stdout.decode().strip() == str(server.home)
        assert board.identity() == f"ssh:{true_key(server).fingerprint}"
        board.push(source, "jumped")
        assert board.pull("jumped", tmp_path / "back") == 300_000
    assert scan_host_key(place, settings) == true_key(server)


def test_a_jump_host_is_checked_too(server, second_server, tmp_path):
    place, settings = jump_config(tmp_path, server, second_server, "ProxyJump outer")
    error = refused(HostKeyError, replace(place, known_hosts=server.known_hosts), settings)
    assert f"[127.0.0.1]:{second_server.port}" in error.message


def test_a_jump_host_that_cannot_go_on(server, second_server, tmp_path):
    place, settings = jump_config(tmp_path, server, second_server, "ProxyJump outer")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        error = refused(DeviceUnreachable, replace(place, port=holder.getsockname()[1]), settings)
    assert "the jump host cannot reach 127.0.0.1" in error.message


def test_through_a_proxy_command(server, tmp_path):
    script = (
        "import os, socket, sys, threading\\n"
        f"s = socket.create_connection(('127.0.0.1', {server.port}))\\n"
        "def up():\\n"
        "    while data := os.read(0, 65536): s.sendall(data)\\n"
        "threading.Thread(target=up, daemon=True).start()\\n"
        "while data := s.recv(65536): os.write(1, data)\\n"
    )
    relay = tmp_path / "relay.py"
    relay.write_text(script.replace("\\n", "\n"))
    config = write_config(tmp_path, f"Host far\n  Port 1\n  ProxyCommand python3 {relay} %h\n  HostKeyAlias far-key\n")
    known = tmp_path / "known"
    key = true_key(server)
    known.write_text(f"far-key {key.type} {key.base64}\n")
    place = SshPlace("board", "far", None, server.user, server.user_key, known)
    with SshTransport(place, server.settings(config_files=(config,))) as board:
        assert board.exec(["true"]).returncode == 0


def test_a_proxy_command_that_fails(server, tmp_path):
    config = write_config(tmp_path, "Host *\n  ProxyCommand false\n")
    refused(DeviceUnreachable, server.place(), server.settings(config_files=(config,)))


def test_a_circle_of_jumps_is_a_configuration_error(server, tmp_path):
    config = write_config(tmp_path, "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(ConfigError, match="circle"):
        SshTransport(SshPlace("board", "a"), server.settings(config_files=(config,)))


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A board whose .bashrc talks, and whose sftp-server is started by that shell."""
    binary = next(
        (
            path
            for path in (
                "/usr/lib/openssh/sftp-server",
                "/usr/libexec/openssh/sftp-server",
                "/usr/libexec/sftp-server",
                "/usr/lib/ssh/sftp-server",
            )
            if Path(path).exists()
        ),
        None,
    )
    lines = [f"Subsystem sftp {binary}"] if binary else []
    folder = tmp_path_factory.mktemp("noisy")
    server = Sshd(folder / "server", lines=lines)
    server.subsystem = None if binary else server.subsystem
    (server.home / ".bashrc").write_text('cd "$HOME"\necho Welcome to the board\necho to errors >&2\n')
    with server:
        yield server


def test_what_a_login_shell_says_is_not_output(noisy):
    with SshTransport(noisy.place(), noisy.settings()) as board:
        done = board.exec(["echo", "mine"])
        assert (done.stdout, done.stderr) == (b"mine\n", b"")
        with board.stream(["echo", "mine"], silence_s=10) as stream:
            assert list(stream) == [b"mine"]


def test_noise_in_sftp_is_explained(noisy, tmp_path):
    (tmp_path / "source").write_text("x")
    if noisy.subsystem is not None:
        pytest.skip("no sftp-server program here, only internal-sftp: a shell's noise cannot reach it")
    with SshTransport(noisy.place(), noisy.settings()) as board, pytest.raises(DeviceUnfit, match="SFTP") as caught:
        board.push(tmp_path / "source", "target")
    assert ".bashrc must print nothing" in caught.value.hint


@pytest.mark.parametrize("tool", ["openssl", "sha256sum"])
def test_a_file_that_arrives_damaged_is_not_put_in_place(tool, tmp_path):
    """A device whose storage returns other bytes than it was given: its `tool` says so, the other one is not there."""
    (tmp_path / "source").write_text("x")
    server = Sshd(tmp_path / "worn")
    folder = server.home / "bin"
    folder.mkdir()
    for name in ("openssl", "sha256sum"):
        line = "echo 0000000000000000000000000000000000000000000000000000000000000000 -" if name == tool else "exit 127"
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    (server.home / ".bashrc").write_text('cd "$HOME"; PATH=$HOME/bin:$PATH\n')
    with server, SshTransport(server.place(), server.settings()) as board:
        with pytest.raises(DeviceLost, match="'target' arrived damaged"):
            board.push(tmp_path / "source", "target")
        assert not [path for path in server.home.iterdir() if path.name.startswith("target")]


def test_a_device_that_cannot_hash_is_explained(tmp_path):
    (tmp_path / "source").write_text("x")
    server = Sshd(tmp_path / "toolless")
    folder = server.home / "bin"
    folder.mkdir()
    for name in ("openssl", "sha256sum"):
        (folder / name).write_text("#!/bin/sh\nexit 127\n")
        (folder / name).chmod(0o755)
    (server.home / ".bashrc").write_text('cd "$HOME"; PATH=$HOME/bin:$PATH\n')
    with (
        server,
        SshTransport(server.place(), server.settings()) as board,
        pytest.raises(DeviceUnfit, match="no `sha256sum`"),
    ):
        board.push(tmp_path / "source", "target")


def test_a_server_without_sftp_is_explained(tmp_path):
    (tmp_path / "source").write_text("x")
    server = Sshd(tmp_path / "bare")
    server.subsystem = None
    with server, SshTransport(server.place(), server.settings()) as board:
        with pytest.raises(DeviceUnfit, match="SFTP"):
            board.push(tmp_path / "source", "target")
        assert board.exec(["true"]).returncode == 0


def test_a_shell_that_runs_nothing_is_explained(tmp_path):
    with (
        Sshd(tmp_path / "closed", lines=["ForceCommand echo go away"]) as server,
        SshTransport(server.place(), server.settings()) as board,
        pytest.raises(DeviceUnfit, match="go away"),
    ):
        board.exec(["true"])

"""`edgebench devices` as users meet it: the installed program, a real sshd, with and without a terminal."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from device_bench import Bench, bare_python, fake_runtime, make_wheel
from sshd import Sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Sshd(tmp_path_factory.mktemp("sshd") / "server", lines=["PasswordAuthentication yes"]) as running:
        yield running


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return bare_python(tmp_path_factory.mktemp("python"))


@pytest.fixture
def bench(tmp_path, server):
    return Bench(tmp_path, server)


@pytest.fixture
def board(bench, python, tmp_path):
    """The server as a device of the user's, its home a folder of the test's."""
    bench.trust()
    bench.add_device("board", python=python, home=str(tmp_path / "board"), profile="generic-linux")
    return tmp_path / "board"


def entries(bench: Bench) -> dict:
    file = bench.config / "devices.toml"
    return tomllib.loads(file.read_text()) if file.exists() else {}


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict]:
    return {one["name"]: one for one in json.loads(done.stdout)["findings"]}


# add


def test_an_unknown_key_is_refused_without_a_terminal_and_the_way_out_is_shown(bench, python):
    done = bench.run("devices", "add", bench.target, "--name", "board", "--python", python)
    assert done.returncode == 3
    assert f"--fingerprint {bench.fingerprint}" in done.stderr
    assert entries(bench) == {}
    assert not bench.known_hosts.exists()


def test_the_right_fingerprint_accepts_the_key_and_the_device_is_found_out(bench, python):
    options = ["--name", "board", "--python", python, "--label", "lab", "--label", "fast"]
    done = bench.run("devices", "add", bench.target, *options, "--fingerprint", bench.fingerprint)
    assert done.returncode == 0, done.stderr
    assert "board: " in done.stdout
    assert "profile generic-linux" in done.stdout
    assert "no runtime: `edgebench devices setup board`" in done.stdout
    entry = entries(bench)["board"]
    assert (entry["host"], entry["port"]) == ("127.0.0.1", bench.server.port)
    assert (entry["labels"], entry["profile"]) == (["lab", "fast"], "generic-linux")
    assert f"[127.0.0.1]:{bench.server.port} ssh-ed25519" in bench.known_hosts.read_text()


def test_another_fingerprint_is_refused_even_for_a_known_key(bench, python):
    wrong = "SHA256:" + "A" * 43
    for _ in range(2):
        done = bench.run("devices", "add", bench.target, "--name", "board", "--python", python, "--fingerprint", wrong)
        assert done.returncode == 3
        assert wrong in done.stderr
        assert entries(bench) == {}
        bench.trust()


def test_a_changed_key_is_refused_and_not_asked_about(bench, python):
    other = bench.server.user_key.with_suffix(".pub").read_text().split()[1]
    bench.known_hosts.write_text(f"[127.0.0.1]:{bench.server.port} ssh-ed25519 {other}\n")
    before = bench.known_hosts.read_text()
    code, shown = bench.at_terminal(["devices", "add", bench.target, "--name", "board", "--python", python], [])
    assert code == 3
    assert "changed" in shown
    assert "[y/N]" not in shown
    assert bench.known_hosts.read_text() == before


def test_at_a_terminal_the_key_is_shown_and_asked_about_once(bench, python):
    args = ["devices", "add", bench.target, "--name", "board", "--python", python]
    code, shown = bench.at_terminal(args, [("[y/N]", "y")])
    assert code == 0, shown
    assert bench.fingerprint in shown
    assert shown.count("[y/N]") == 1
    assert entries(bench)["board"]["profile"] == "generic-linux"


def test_no_at_the_terminal_changes_nothing(bench, python):
    args = ["devices", "add", bench.target, "--name", "board", "--python", python]
    code, _ = bench.at_terminal(args, [("[y/N]", "n")])
    assert code == 3
    assert entries(bench) == {}
    assert not bench.known_hosts.exists()


def test_ctrl_c_at_the_question_ends_as_interrupted(bench, python):
    args = ["devices", "add", bench.target, "--name", "board", "--python", python]
    code, shown = bench.at_terminal(args, [("[y/N]", "\x03")])
    assert code == 130, shown
    assert not bench.known_hosts.exists()


@pytest.fixture
def stranger(bench):
    """The user's key is one that the server does not know."""
    for file in (bench.home / ".ssh").glob("id_ed25519*"):
        file.unlink()
    key = bench.home / ".ssh" / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    bench.trust()
    return bench


def test_a_refused_key_is_offered_to_be_installed_with_a_password_that_is_not_shown(stranger, python):
    args = ["devices", "add", stranger.target, "--name", "board", "--python", python]
    code, shown = stranger.at_terminal(args, [("[y/N]", "y"), ("password", "not-the-password")])
    assert code == 3
    assert "id_ed25519.pub" in shown
    assert "password of" in shown
    assert "refused" in shown
    assert "not-the-password" not in shown
    assert entries(stranger) == {}


def test_a_refused_key_without_a_terminal_asks_nobody(stranger, python):
    done = stranger.run("devices", "add", stranger.target, "--name", "board", "--python", python)
    assert done.returncode == 3
    assert "hint:" in done.stderr
    assert entries(stranger) == {}


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("a b", [], "is not a place"),
        ("-oProxyCommand=x", [], ""),
        ("user@host;rm", [], "is not a place"),
        ("user@host", ["--name", "../x"], "cannot be a device's name"),
        ("user@host", ["--name", "@all"], "cannot be a device's name"),
        ("user@host:99999", [], "no port"),
        ("user@host", ["--name", "localhost"], "already"),
        ("user@host", ["--profile", "jetson-nan"], "unknown profile"),
    ],
)
def test_what_cannot_be_a_device_is_refused_before_anything_is_reached(bench, target, options, message):
    done = bench.run("devices", "add", target, *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_device_without_usable_python_is_added_and_the_cure_named(bench):
    bench.trust()
    done = bench.run("devices", "add", bench.target, "--name", "board", "--python", "/nowhere/python3")
    assert done.returncode == 3
    assert "is added, but" in done.stderr
    assert "devices.toml" in done.stderr
    assert "board" in entries(bench)


# list, show, remove


def test_comments_of_the_file_survive(bench, python):
    bench.trust()
    (bench.config / "devices.toml").write_text('# my boards\n[old]  # keep\nhost = "h"  # its address\n')
    done = bench.run("devices", "add", bench.target, "--name", "b.1-x", "--python", python)
    assert done.returncode == 0, done.stderr
    text = (bench.config / "devices.toml").read_text()
    assert "# my boards" in text
    assert 'host = "h"  # its address' in text
    assert set(entries(bench)) == {"old", "b.1-x"}
    assert bench.run("devices", "remove", "b.1-x").returncode == 0
    assert (
        bench.config / "devices.toml"
    ).read_text().strip() == '# my boards\n[old]  # keep\nhost = "h"  # its address'


def test_list_tells_where_and_what(bench):
    bench.add_device("nano", profile="jetson-nano", labels=["lab"])
    bench.add_device("fake", profile="jetson-nano", simulated=True)
    done = bench.run("devices", "list", "--json", "-")
    listed = {one["name"]: one for one in json.loads(done.stdout)["devices"]}
    assert set(listed) == {"localhost", "nano", "fake"}
    assert listed["nano"]["labels"] == ["lab"]
    assert (listed["nano"]["simulated"], listed["fake"]["simulated"]) == (False, True)
    assert "@lab" in bench.run("devices", "list").stdout


def test_show_has_the_profile_and_says_where_facts_would_come_from(bench):
    bench.add_device("nano", profile="jetson-nano")
    done = bench.run("devices", "show", "nano", "--json", "-")
    shown = json.loads(done.stdout)
    assert shown["profile"]["power"]["total_rails"] == ["POM_5V_IN"]
    assert shown["facts"] is None
    assert "--live" in shown["facts_from"]
    assert "jetson-nano" in bench.run("devices", "show", "nano").stdout


def test_show_live_asks_the_device(bench, board):
    shown = json.loads(bench.run("devices", "show", "board", "--live", "--json", "-").stdout)
    assert shown["facts"]["python"]["version"] == list(sys.version_info[:3])


@pytest.mark.parametrize("verb", ["show", "check", "setup", "restore", "remove"])
def test_an_unknown_device_names_the_nearest(bench, verb):
    bench.add_device("jetson-nano")
    done = bench.run("devices", verb, "jetson-nan")
    assert done.returncode == 2
    assert "did you mean `jetson-nano`?" in done.stderr


def test_a_profile_that_is_not_there_is_a_mistake_of_the_file(bench):
    bench.add_device("nano", profile="jetson-nanu")
    done = bench.run("devices", "show", "nano")
    assert done.returncode == 2
    assert "jetson-nano" in done.stderr


# discover


def test_discover_lists_what_ssh_knows_and_is_not_added(bench):
    ssh = bench.home / ".ssh"
    (ssh / "config").write_text("Host lab-nano\n  HostName 10.0.0.2\nHost *.lab !x\n  User me\nInclude more\n")
    (ssh / "more").write_text("Host pi\n")
    bench.trust()
    bench.add_device("mine")
    found = json.loads(bench.run("devices", "discover", "--json", "-").stdout)["candidates"]
    assert [(one["host"], one["source"]) for one in found] == [("lab-nano", "ssh config"), ("pi", "ssh config")]
    bench.run("devices", "remove", "mine")
    found = json.loads(bench.run("devices", "discover", "--json", "-").stdout)["candidates"]
    assert found[0]["add"] == f"edgebench devices add 127.0.0.1 --port {bench.server.port}"


def test_discover_probes_only_when_told(bench):
    bench.trust()
    (bench.home / ".ssh" / "config").write_text("Host gone\n  HostName 127.0.0.1\n  Port 1\n")
    found = json.loads(bench.run("devices", "discover", "--probe", "--json", "-").stdout)["candidates"]
    answers = {one["host"]: one["answer"] for one in found}
    assert bench.fingerprint in answers["127.0.0.1"]
    assert "answers" not in answers["gone"]


# check


def test_check_of_a_board_without_a_runtime(bench, board):
    done = bench.run("devices", "check", "board", "--json", "-")
    assert done.returncode == 4
    said = findings(done)
    assert said["onnxruntime"]["state"] == "missing"
    assert "devices setup board" in said["onnxruntime"]["todo"]
    for name in ("reachable", "python", "home", "disk", "profile", "lease", "leftovers"):
        assert said[name]["state"] == "ok", said[name]
    assert json.loads(done.stdout)["ready"] is False
    assert not (board / "check.tmp").exists()


def test_check_as_a_table(bench, board):
    done = bench.run("devices", "check", "board")
    assert done.returncode == 4
    assert "devices setup board" in done.stdout


@pytest.mark.parametrize(
    ("fields", "finding", "code"),
    [
        ({"port": 1}, "reachable", 3),
        ({"python": "/nowhere/python3"}, "python", 4),
        ({"home": "/dev/null/x"}, "home", 4),
    ],
)
def test_check_says_which_door_is_shut(bench, python, tmp_path, fields, finding, code):
    bench.trust()
    bench.add_device("board", **{"python": python, "home": str(tmp_path / "board"), **fields})
    done = bench.run("devices", "check", "board", "--json", "-")
    assert done.returncode == code
    assert findings(done)[finding]["state"] == "missing"


def test_check_of_a_device_whose_key_nobody_accepted(bench, python):
    bench.add_device("board", python=python)
    done = bench.run("devices", "check", "board", "--json", "-")
    assert done.returncode == 3
    assert findings(done)["host key"]["todo"].startswith("accept it")


def test_check_of_a_runtime_that_dies_at_import(bench, board):
    tag = "cp" + "".join(map(str, sys.version_info[:2]))
    folder = board / "runtimes" / f"onnxruntime-1.19.2-{tag}"
    (folder / "onnxruntime").mkdir(parents=True)
    (folder / "onnxruntime" / "__init__.py").write_text("import os; os.abort()\n")
    (folder / "onnxruntime-1.19.2.dist-info").mkdir()
    done = bench.run("devices", "check", "board", "--json", "-")
    assert done.returncode == 4
    said = findings(done)["onnxruntime"]
    assert "SIGABRT" in said["text"]
    assert "/sys" in said["todo"]


def test_check_and_restore_know_who_holds_the_device(bench, board):
    bench.run("devices", "check", "board")  # makes the folder
    (board / "lease.json").write_text(json.dumps({"holder": "ann@lab", "job": "j1", "pid": None}))
    with (board / "lease.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = bench.run("devices", "check", "board", "--json", "-")
        assert done.returncode == 3
        assert "ann@lab" in findings(done)["lease"]["text"]
        refused = bench.run("devices", "restore", "board")
        assert refused.returncode == 3
        assert "ann@lab" in refused.stderr
        assert "--force" in refused.stderr


# restore


def journal(board: Path, *settings: tuple[Path, str]) -> None:
    board.mkdir(exist_ok=True)
    lines = [json.dumps({"id": at, "job": "j", "path": str(path), "old": old, "new": "x", "at": 0})
             for at, (path, old) in enumerate(settings)]  # fmt: skip
    (board / "journal.jsonl").write_text("\n".join(lines) + "\n")


def test_leftovers_are_seen_and_put_back(bench, board, tmp_path):
    governor = tmp_path / "scaling_governor"
    governor.write_text("performance")
    journal(board, (governor, "schedutil"))
    assert str(governor) in findings(bench.run("devices", "check", "board", "--json", "-"))["leftovers"]["text"]
    done = bench.run("devices", "restore", "board", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["restored"][0]["path"] == str(governor)
    assert governor.read_text() == "schedutil"
    again = bench.run("devices", "restore", "board")
    assert again.returncode == 0
    assert "nothing to restore" in again.stderr


def test_what_cannot_be_put_back_is_said(bench, board, tmp_path):
    journal(board, (tmp_path, "schedutil"))  # a folder cannot be written
    done = bench.run("devices", "restore", "board")
    assert done.returncode == 4
    assert "could not be put back" in done.stderr


# setup


def test_setup_without_a_terminal_shows_and_does_nothing(bench, board):
    fake_runtime(bench.wheels)
    done = bench.run("devices", "setup", "board")
    assert done.returncode == 2
    assert "pip download" in done.stderr
    assert "--yes" in done.stderr
    assert not (board / "runtimes").exists()


def test_setup_with_yes_then_check_is_ready_then_nothing_to_do(bench, board):
    fake_runtime(bench.wheels)
    done = bench.run("devices", "setup", "board", "--yes")
    assert done.returncode == 0, done.stderr
    assert "onnxruntime-9.9.0-py3-none-any.whl" in done.stdout
    assert f"{board}/runtimes/onnxruntime-9.9.0" in done.stdout
    assert bench.run("devices", "check", "board").returncode == 0
    again = bench.run("devices", "setup", "board")
    assert again.returncode == 0
    assert "nothing to do" in again.stdout


@pytest.mark.parametrize(("answer", "there"), [("y", True), ("n", False)])
def test_setup_at_a_terminal_asks_after_showing(bench, board, answer, there):
    fake_runtime(bench.wheels)
    code, shown = bench.at_terminal(["devices", "setup", "board"], [("Bring them to board?", answer)])
    assert code == 0, shown
    assert shown.index("pip download") < shown.index("unpacked MiB") < shown.index("Bring them")
    assert (board / "runtimes").exists() is there


def test_setup_where_pip_finds_nothing(bench, board):
    make_wheel(bench.wheels, "numpy", "1.0", {"numpy/__init__.py": ""})
    done = bench.run("devices", "setup", "board", "--yes")
    assert done.returncode == 3
    assert "No matching distribution" in done.stderr
    assert "PIP_FIND_LINKS" in done.stderr


def test_setup_of_an_unknown_runtime_names_the_nearest(bench, board):
    done = bench.run("devices", "setup", "board", "--backend", "onnxruntim")
    assert done.returncode == 2
    assert "`onnxruntime`" in done.stderr


def test_every_command_has_help_with_an_example(bench):
    verbs = ("list", "show", "add", "remove", "check", "setup", "discover", "restore")
    for verb in verbs:
        done = bench.run("devices", verb, "--help")
        assert done.returncode == 0
        assert f"edgebench devices {verb}" in done.stdout


def test_show_has_the_facts_of_the_last_session(bench):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "store"))
    from store_builders import make_run, make_session

    from edgebench.store import open_store

    with open_store(bench.env["EDGEBENCH_STORE"]) as store:
        store.add_session(make_session())
        store.add_run(make_run())
    bench.add_device("pi", profile="raspberry-pi-5")
    shown = json.loads(bench.run("devices", "show", "pi", "--json", "-").stdout)
    assert shown["facts"] == {"kernel": "6.6"}
    assert shown["facts_from"].startswith("session session-")

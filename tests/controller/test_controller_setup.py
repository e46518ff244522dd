"""A runtime on its way to a device over a real sshd: there whole, or not at all, whatever happens in between."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from device_bench import bare_python, fake_runtime, make_wheel
from environments import find_interpreter, unavailable
from faults import FaultProxy
from sshd import Sshd

from edgebench.controller.devices import DeviceEntry
from edgebench.controller.rows import device_runtime
from edgebench.controller.runtimes import FoundRuntime
from edgebench.controller.session import DeviceSession
from edgebench.controller.setup import bring_runtime, fetch_wheels, plan_setup, try_runtime
from edgebench.controller.view import SilentView
from edgebench.errors import DeviceLocked, DeviceLost, DeviceUnfit, UnknownName
from edgebench.transports.ssh import SshTransport

PYTHON_36 = Path.home() / ".pyenv/versions/3.6.15/bin/python"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Sshd(tmp_path_factory.mktemp("sshd") / "server") as running:
        yield running


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Folders for pip to find wheels in and to bring them to; pip knows nothing else."""
    folder, into = tmp_path / "wheels", tmp_path / "into"
    folder.mkdir()
    into.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder, into


@pytest.fixture
def python(tmp_path):
    return bare_python(tmp_path)


class Transfers(SilentView):
    """Remembers which files travelled."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def transfer(self, device: str, what: str, done: int, total: int) -> None:
        self.files.append(what)


@pytest.fixture
def open_board(server, python, tmp_path):
    """Opens the server as a new board whose home is a folder of the test's."""

    @contextmanager
    def opened(*, port: int | None = None, home: Path = tmp_path / "board", stall_s: float = 10.0):
        def connect(place):
            return SshTransport(server.place("board", port=port), server.settings(stall_s=stall_s))

        entry = DeviceEntry("board", host="127.0.0.1", python=python, home=str(home))
        with DeviceSession(entry, Transfers(), connect) as session:
            yield session

    return opened


def left_in(home: Path) -> list[str]:
    folder = home / "runtimes"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def bring(session, into):
    plan = plan_setup(session, "onnxruntime")
    assert not isinstance(plan, FoundRuntime)
    return bring_runtime(session, plan, fetch_wheels(session, plan, into))


def test_a_runtime_is_brought_once_and_found_by_the_facts(open_board, wheels, tmp_path):
    folder, into = wheels
    fake_runtime(folder)
    tag = "cp" + "".join(map(str, sys.version_info[:2]))
    with open_board() as session:
        said = bring(session, into)
        assert said == {"version": "9.9.0", "providers": ["CPUExecutionProvider"]}
        assert left_in(tmp_path / "board") == [f"onnxruntime-9.9.0-{tag}"]
        found = plan_setup(session, "onnxruntime")
        assert found == FoundRuntime("9.9.0", f"runtimes/onnxruntime-9.9.0-{tag}")
        assert try_runtime(session, "onnxruntime", found)["version"] == "9.9.0"
    with open_board() as later:
        assert plan_setup(later, "onnxruntime") == found


def test_the_gpus_runtime_stands_beside_the_cpus_though_it_is_older(open_board, wheels, tmp_path):
    folder, into = wheels
    fake_runtime(folder)
    body = "__version__ = '9.1.0'\nget_available_providers = lambda: ['CUDAExecutionProvider']\n"
    make_wheel(folder, "onnxruntime_gpu", "9.1.0", {"onnxruntime/__init__.py": body})
    tag = "cp" + "".join(map(str, sys.version_info[:2]))
    with open_board() as session:
        bring(session, into)
        plan = plan_setup(session, "onnxruntime-gpu")
        assert not isinstance(plan, FoundRuntime)
        bring_runtime(session, plan, fetch_wheels(session, plan, tmp_path / "gpu"))
        found = plan_setup(session, "onnxruntime-gpu")
        assert found == FoundRuntime("9.1.0", f"runtimes/onnxruntime-gpu-9.1.0-{tag}")
        assert try_runtime(session, "onnxruntime-gpu", found)["providers"] == ["CUDAExecutionProvider"]
        for accelerator, version in (("cuda", "9.1.0"), ("tensorrt", "9.1.0"), ("cpu", "9.9.0"), ("qnn", "9.9.0")):
            assert device_runtime(session.facts, "onnxruntime", "board", accelerator).version == version


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('libfoo.so.1: cannot open shared object file')\n", "libfoo.so.1: cannot open"),
        ("import os; os.abort()\n", "ended by SIGABRT"),
        ("import os; os._exit(7)\n", "exit status 7"),
        ("print('EBIMPORT nonsense'); raise SystemExit(3)\n", "exit status 3"),
    ],
)
def test_a_runtime_that_dies_at_import_is_not_installed(open_board, wheels, tmp_path, code, reason):
    folder, into = wheels
    fake_runtime(folder, code=code)
    with open_board() as session:
        with pytest.raises(DeviceUnfit, match=reason) as caught:
            bring(session, into)
        assert caught.value.code == "runtime-missing"
        assert left_in(tmp_path / "board") == []
        assert not isinstance(plan_setup(session, "onnxruntime"), FoundRuntime)


def test_what_runtimes_print_at_import_is_not_taken_for_an_answer(open_board, wheels):
    folder, into = wheels
    fake_runtime(folder, code="print('loading', end='')\n")
    with open_board() as session:
        assert bring(session, into)["version"] == "9.9.0"


def test_no_installing_while_a_job_holds_the_device(open_board, wheels, tmp_path):
    folder, into = wheels
    fake_runtime(folder)
    home = tmp_path / "board"
    with open_board() as session, (home / "lease.lock").open("w") as lock:
        (home / "lease.json").write_text(json.dumps({"holder": "ann@lab (session 12)", "job": "j", "pid": 1}))
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DeviceLocked, match="ann@lab"):
            bring(session, into)
        assert left_in(home) == []
        assert session.view.files == []  # not a byte: the link is the job's too


def test_a_link_that_breaks_leaves_nothing_to_be_found_and_the_next_try_succeeds(open_board, server, wheels, tmp_path):
    folder, into = wheels
    noise = "# " + os.urandom(400_000).hex() + "\n"
    fake_runtime(folder, code=noise)
    home = tmp_path / "board"
    with FaultProxy(server.port) as proxy:
        server.know(proxy.port)
        with open_board(port=proxy.port) as session:
            plan = plan_setup(session, "onnxruntime")
            assert not isinstance(plan, FoundRuntime)
            brought = fetch_wheels(session, plan, into)
            proxy.arm("rst", after_bytes=150_000)
            with pytest.raises(DeviceLost):
                bring_runtime(session, plan, brought)
            assert proxy.struck.is_set()
    assert [name for name in left_in(home) if not name.startswith(".")] == []
    with open_board() as session:
        assert not isinstance(plan_setup(session, "onnxruntime"), FoundRuntime)
        assert bring_runtime(session, plan, brought)["version"] == "9.9.0"
    assert left_in(home) == [plan.name(brought)]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB; skipped where nothing may be mounted, except in CI."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode != 0:
        message = f"cannot mount a tmpfs (needs root): {done.stderr.decode().strip()}"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("filler_kib", [2000, 800], ids=["while pushing", "while unpacking"])
def test_a_full_disk_is_said_and_left_as_it_was(open_board, wheels, small_disk, filler_kib):
    folder, into = wheels
    # hex of random bytes deflates to half: 800 KiB of it fit as a wheel, not unpacked beside it
    fake_runtime(folder, code="# " + os.urandom(filler_kib * 512).hex() + "\n")
    home = small_disk / "board"
    with open_board(home=home) as session:
        plan = plan_setup(session, "onnxruntime")
        assert not isinstance(plan, FoundRuntime)
        with pytest.raises(DeviceUnfit, match="are free") as caught:
            fetch_wheels(session, plan, into)
        assert caught.value.code == "disk-full"
        session.facts["disk_free_bytes"] = None  # nobody knew
        with pytest.raises(DeviceUnfit) as caught:
            bring_runtime(session, plan, fetch_wheels(session, plan, into))
        assert caught.value.code == "disk-full"
        assert left_in(home) == []


def test_a_runtime_that_nobody_can_bring(open_board):
    with open_board() as session, pytest.raises(UnknownName, match="onnxruntim"):
        plan_setup(session, "onnxruntim")


@pytest.mark.heavy
@pytest.mark.skipif(not PYTHON_36.exists(), reason="no CPython 3.6 here")
def test_a_real_runtime_on_a_real_python_3_6(server, tmp_path):
    """What a Jetson Nano gets: the pinned wheels of the real index, by this host's own pip."""

    def connect(place):
        return SshTransport(server.place("board"), server.settings())

    entry = DeviceEntry("board", host="127.0.0.1", python=str(PYTHON_36), home=str(tmp_path / "board"))
    into = tmp_path / "into"
    into.mkdir()
    with DeviceSession(entry, SilentView(), connect) as session:
        assert bring(session, into) == {"version": "1.10.0", "providers": ["CPUExecutionProvider"]}
        assert plan_setup(session, "onnxruntime") == FoundRuntime("1.10.0", "runtimes/onnxruntime-1.10.0-cp36")
    assert {path.name.split("-")[0] for path in into.iterdir()} >= {"onnxruntime", "numpy", "protobuf"}


@pytest.mark.heavy
def test_a_real_tflite_on_a_real_python_3_8(server, tmp_path):
    """What JetPack 5 gets; an old pip's resolver is not asked: this host's own is."""
    python = find_interpreter("3.8")
    if python is None:
        unavailable("no CPython 3.8 here")

    def connect(place):
        return SshTransport(server.place("board"), server.settings())

    entry = DeviceEntry("board", host="127.0.0.1", python=str(python), home=str(tmp_path / "board"))
    into = tmp_path / "into"
    into.mkdir()
    with DeviceSession(entry, SilentView(), connect) as session:
        plan = plan_setup(session, "tflite")
        said = bring_runtime(session, plan, fetch_wheels(session, plan, into))
        assert said["version"] == "2.13.0"
        found = plan_setup(session, "tflite")
        assert found == FoundRuntime("2.13.0", "runtimes/tflite-2.13.0-cp38")
        assert try_runtime(session, "tflite", found)["version"] == "2.13.0"


def test_a_python_for_which_there_is_no_tflite(server, tmp_path):
    python = find_interpreter("3.7") or find_interpreter("3.6")
    if python is None:
        unavailable("no CPython older than 3.8 here")

    def connect(place):
        return SshTransport(server.place("board"), server.settings())

    entry = DeviceEntry("board", host="127.0.0.1", python=str(python), home=str(tmp_path / "board"))
    with DeviceSession(entry, SilentView(), connect) as session:
        with pytest.raises(DeviceUnfit, match="there is no tflite for Python 3") as caught:
            plan_setup(session, "tflite")
        assert caught.value.code == "runtime-missing"

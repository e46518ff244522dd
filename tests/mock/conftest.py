"""A real adb server of our own for the module, and a plain phone for the test."""

import signal
from collections.abc import Iterator

import pytest
from adb_room import AdbServer, PlainPhone

from edgebench.mock.phone.adbd.server import AdbDaemon


@pytest.fixture(scope="module")
def adb(tmp_path_factory):
    with AdbServer(tmp_path_factory.mktemp("adb")) as server:
        yield server


@pytest.fixture
def daemon(tmp_path, adb):
    """A phone that the server is connected to."""
    with AdbDaemon(PlainPhone(tmp_path / "phone")) as daemon:
        adb.connect(daemon)
        yield daemon
        adb.disconnect(daemon)


@pytest.fixture
def phone(daemon, adb):
    """The same phone as adbutils sees it."""
    return adb.device(daemon)


@pytest.fixture(autouse=True)
def interrupts_are_heeded() -> Iterator[None]:
    """A suite started in the background has SIGINT ignored, and so would have every program of a simulated phone."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

"""Finding the server and the phone: which server is used, started or left alone, and which phone is meant."""

from __future__ import annotations

import shutil
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from adb_room import BUNDLED, AdbServer, PlainPhone, free_port
from faults import FaultProxy

from edgebench.errors import DeviceError, DeviceUnfit, DeviceUnreachable, UsageError
from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.transports.adb import AdbTransport
from edgebench.transports.adb_scan import find_phones
from edgebench.transports.adb_server import AdbSettings, ServerAddress, find_server, start_server
from edgebench.transports.places import AdbPlace


def settings(server: AdbServer, **more: str) -> AdbSettings:
    """Nothing of the user's; `server` in adb's own variable."""
    return AdbSettings(connect_s=1.0, environment=server.environment | more)


@pytest.fixture
def room(tmp_path) -> AdbServer:
    """A place for a server of the test's own; not started."""
    return AdbServer(tmp_path)


# the server


def test_a_server_of_the_environment_is_used(adb, daemon):
    serial = adb.connect(daemon)
    with AdbTransport(AdbPlace("phone", serial=serial), settings(adb)) as phone:
        assert phone.exec(["echo", "hi"]).stdout == b"hi\n"
    adb.run("disconnect", serial)


def test_where_none_listens_one_is_started_and_goes_on(room, daemon):
    try:
        with AdbTransport(AdbPlace("phone", serial=daemon.address), settings(room)) as phone:
            assert phone.identity() == "adb:PLAIN0001"
        assert b"127.0.0.1" in room.run("devices").stdout
    finally:
        room.run("kill-server")


def test_a_server_that_somebody_named_is_not_started_in_its_place(room):
    with pytest.raises(DeviceUnreachable, match=f"{room.address} does not answer") as caught:
        AdbTransport(AdbPlace("phone", server=room.address), settings(room))
    assert f"adb -P {room.port} devices" in (caught.value.hint or "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", room.port), timeout=5)


def test_a_server_of_another_release_is_used_and_lives_on(tmp_path, daemon):
    """An `adb` of another version would kill it and start its own."""
    binary = shutil.which("adb")
    assert binary, "the system's adb is not installed: `make system` installs it"
    with AdbServer(tmp_path, binary=binary) as other:
        before = listener_of(other.port)
        serial = other.connect(daemon)
        with AdbTransport(AdbPlace("phone", serial=serial), settings(other)) as phone:
            assert phone.exec(["echo", "hi"]).stdout == b"hi\n"
        assert listener_of(other.port) == before


def listener_of(port: int) -> str:
    """The inode of the socket that listens there: another process has another one."""
    lines = [*Path("/proc/net/tcp").read_text().splitlines(), *Path("/proc/net/tcp6").read_text().splitlines()]
    fields = (line.split() for line in lines)
    return next(one[9] for one in fields if one[1].endswith(f":{port:04X}") and one[3] == "0A")


def test_without_any_adb_the_package_is_named(tmp_path, room):
    address = ServerAddress("127.0.0.1", room.port, is_given=False)
    with pytest.raises(UsageError, match="no `adb` that could be started") as caught:
        start_server("phone", address, room.environment, programs=[])
    assert caught.value.hint == "sudo apt install adb"
    assert caught.value.exit_code == 2


def test_an_adb_for_another_processor_is_passed_over(tmp_path, room):
    broken = tmp_path / "adb"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    address = ServerAddress("127.0.0.1", room.port, is_given=False)
    with pytest.raises(DeviceUnreachable, match="none could be started") as caught:
        start_server("phone", address, room.environment, programs=[broken])
    assert "sudo apt install adb" in (caught.value.hint or "")
    try:
        start_server("phone", address, room.environment, programs=[broken, Path(BUNDLED)])
        assert find_server("phone", room.address, settings(room)).ask("host:version") == "0029"
    finally:
        room.run("kill-server")


def test_a_server_that_takes_connections_and_says_nothing(adb):
    with FaultProxy(adb.port) as proxy:
        proxy.arm("stall", direction="up")
        with pytest.raises(DeviceUnreachable, match=r"does not answer \(no answer\)") as caught:
            AdbTransport(AdbPlace("phone", server=f"127.0.0.1:{proxy.port}"), settings(adb))
    assert caught.value.transient


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"OKAYzzzz", b"OKAY", b"", b"FAIL0005wrong"])
def test_what_is_no_adb_server_is_told(adb, said):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):  # whether it listens, and what it lists
                connection, _ = listener.accept()
                with connection:
                    if connection.recv(100):
                        connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DeviceUnreachable):
            AdbTransport(AdbPlace("phone", server=f"127.0.0.1:{listener.getsockname()[1]}"), settings(adb))
        thread.join()


# the phone


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A server with two phones: (server, their daemons)."""
    folder = tmp_path_factory.mktemp("two")
    with ExitStack() as stack:
        server = stack.enter_context(AdbServer(folder))
        phones = [PlainPhone(folder / name, serial=name) for name in ("ALPHA1", "BETA2")]
        daemons = [stack.enter_context(AdbDaemon(phone)) for phone in phones]
        for daemon in daemons:
            server.connect(daemon)
        yield server, daemons


def test_two_phones_and_none_named(two):
    server, _ = two
    with pytest.raises(UsageError, match="adb lists 2 phones: ALPHA1, BETA2") as caught:
        AdbTransport(AdbPlace("phone"), settings(server))
    assert "--adb ALPHA1" in (caught.value.hint or "")
    assert caught.value.exit_code == 2


def test_one_of_two_by_its_own_serial_or_by_what_is_listed(two):
    server, daemons = two
    for wanted in ("BETA2", daemons[1].address):
        with AdbTransport(AdbPlace("phone", serial=wanted), settings(server)) as phone:
            assert (phone.identity(), phone.serial) == ("adb:BETA2", "BETA2")


def test_an_unknown_serial_names_what_is_there(two):
    server, _ = two
    with pytest.raises(DeviceUnreachable, match="the phone GAMMA3 is not there") as caught:
        AdbTransport(AdbPlace("phone", serial="GAMMA3"), settings(server))
    assert caught.value.hint == "adb lists ALPHA1, BETA2"
    assert caught.value.transient  # it may be starting


def test_an_address_that_nobody_answers_at(two):
    server, _ = two
    with pytest.raises(DeviceUnreachable, match="is not there"):
        AdbTransport(AdbPlace("phone", serial=f"127.0.0.1:{free_port()}"), settings(server))


def test_the_same_phone_twice_is_one(room, phone, daemon):
    """As over a cable and Wi-Fi: two entries, one ro.serialno."""
    with room as server, FaultProxy(int(daemon.address.split(":")[1])) as proxy:
        server.connect(daemon)
        server.run("connect", f"127.0.0.1:{proxy.port}")
        server.run("-s", f"127.0.0.1:{proxy.port}", "wait-for-device")
        assert server.run("devices").stdout.count(b"device\n") == 2
        with AdbTransport(AdbPlace("phone"), settings(server)) as transport:
            assert transport.identity() == "adb:PLAIN0001"
        found = find_phones(server.address, settings(server))
        assert [(one.serial, one.state) for one in found] == [("PLAIN0001", "ready over the network")]


def test_no_phone_at_all(room):
    with room as server:
        with pytest.raises(DeviceUnreachable, match="adb lists no phone") as caught:
            AdbTransport(AdbPlace("phone"), settings(server))
        assert "USB debugging" in (caught.value.hint or "")
        assert find_phones(server.address, settings(server)) == []


def test_a_phone_without_a_serial_of_its_own(adb, phone, daemon):
    (phone.folder / "bin/getprop").unlink()
    serial = adb.connect(daemon)
    with AdbTransport(AdbPlace("phone", serial=serial), settings(adb)) as transport:
        assert transport.identity() == f"adb:{serial}"
    adb.run("disconnect", serial)


def test_a_home_that_is_not_there_is_told(adb, phone, daemon):
    phone.tmp.rmdir()
    serial = adb.connect(daemon)
    with pytest.raises(DeviceUnfit, match="/data/local/tmp cannot be entered"):
        AdbTransport(AdbPlace("phone", serial=serial), settings(adb))
    adb.run("disconnect", serial)


def test_after_close_everything_is_refused(adb, daemon):
    serial = adb.connect(daemon)
    transport = AdbTransport(AdbPlace("phone", serial=serial), settings(adb))
    transport.close()
    with pytest.raises(DeviceError, match="closed"):
        transport.exec(["true"])
    adb.run("disconnect", serial)


def test_scanning_starts_no_server(room):
    with pytest.raises(DeviceUnreachable):
        find_phones(None, settings(room))
    assert list(room.home.iterdir()) == []

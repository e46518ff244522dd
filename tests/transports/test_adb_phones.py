"""Which phone is meant, and what states mean: pure choices over what a server lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import AuthRefused, DeviceError, DeviceLost, DeviceUnfit, DeviceUnreachable, UsageError
from edgebench.transports.adb_phones import Listed, by_phone, choose, listed_of, own_serial, unusable
from edgebench.transports.adb_server import ServerAddress, server_address
from edgebench.transports.adb_transfer import reason_of

USB = Listed("HD1901", "device")
WIFI = Listed("192.168.1.7:5555", "device")
PIXEL = Listed("3A281", "device")
OWN = {USB: "HD1901", WIFI: "HD1901", PIXEL: "3A281"}


def pick(listed: list[Listed], wanted: str | None = None) -> Listed:
    return choose("phone", listed, wanted, OWN.__getitem__)


@pytest.mark.parametrize("listed", [[USB, WIFI], [WIFI, USB]])
def test_cable_and_wifi_of_one_phone_are_one_and_the_cable_comes_first(listed):
    assert pick(listed) == USB
    assert pick(listed, "HD1901") == USB
    assert pick(listed, "192.168.1.7:5555") == WIFI


def test_a_phone_is_found_by_its_own_serial_over_wifi_alone():
    assert pick([WIFI, PIXEL], "HD1901") == WIFI


def test_an_offline_cable_does_not_hide_the_wifi():
    assert pick([Listed("HD1901", "offline"), WIFI], "HD1901") == WIFI


def test_several_phones_and_none_named_are_listed_by_name():
    with pytest.raises(UsageError, match="2 phones: 3A281, HD1901") as caught:
        pick([USB, WIFI, PIXEL])
    assert "--adb 3A281" in (caught.value.hint or "")


def test_one_that_could_be_meant_and_is_not_ready_counts():
    with pytest.raises(UsageError, match=r"3A281, HD1901 \(unauthorized\)"):
        pick([Listed("HD1901", "unauthorized"), PIXEL])
    assert pick([Listed("192.168.1.7:5555", "offline"), PIXEL]) == PIXEL


def test_an_unknown_serial_names_what_is_there():
    with pytest.raises(DeviceUnreachable, match="the phone XYZ is not there") as caught:
        pick([USB, Listed("A1", "offline")], "XYZ")
    assert caught.value.hint == "adb lists HD1901, A1 (offline)"
    with pytest.raises(DeviceUnreachable) as caught:
        pick([], "XYZ")
    assert "USB debugging" in (caught.value.hint or "")


def test_no_phone_at_all():
    with pytest.raises(DeviceUnreachable, match="adb lists no phone"):
        pick([])


def test_a_phone_that_does_not_answer_keeps_its_listed_name():
    def ask(one: Listed) -> str:
        if one == WIFI:
            raise DeviceLost("phone", "no answer")
        return OWN[one]

    assert by_phone([WIFI, USB], ask) == {"HD1901": USB, "192.168.1.7:5555": WIFI}


@pytest.mark.parametrize(
    ("state", "kind", "says", "hint"),
    [
        ("unauthorized", AuthRefused, "does not allow USB debugging", "press `Allow`"),
        ("offline", DeviceUnreachable, "is offline", "restarting"),
        ("authorizing", DeviceUnreachable, "still being asked", "press `Allow`"),
        ("recovery", DeviceUnreachable, "in recovery mode", "adb reboot"),
        ("sideload", DeviceUnreachable, "in sideload mode", "adb reboot"),
        ("bootloader", DeviceUnreachable, "in its bootloader", "fastboot reboot"),
        (
            "no permissions (user in plugdev group; are your udev rules wrong?); see [http://x]",
            DeviceUnfit,
            "udev",
            "plugdev",
        ),
        ("some new word", DeviceUnreachable, "is some new word", "adb devices"),
    ],
)
def test_states_are_told_with_what_to_do(state, kind, says, hint):
    error = unusable("phone", Listed("A1", state))
    assert isinstance(error, kind)
    assert says in error.message
    assert hint in (error.hint or "")
    assert error.transient == (kind is DeviceUnreachable)


def test_the_only_one_that_is_not_ready_says_why():
    with pytest.raises(AuthRefused):
        pick([Listed("A1", "unauthorized")])
    with pytest.raises(DeviceUnreachable, match="offline"):
        pick([Listed("A1", "offline")], "A1")


@pytest.mark.parametrize(
    ("serial", "is_network"),
    [
        ("192.168.1.7:5555", True),
        ("adb-3A281-vWgJpq._adb-tls-connect._tcp", True),
        ("[fe80::1]:5555", True),
        ("HD1901", False),
        ("emulator-5554", False),
    ],
)
def test_a_network_is_told_from_a_cable(serial, is_network):
    assert Listed(serial, "device").is_network == is_network


@pytest.mark.parametrize("said", ["", "unknown\n", "\n", "\x00", "two\nlines"])
def test_a_phone_without_a_serial_keeps_what_is_listed(said):
    assert own_serial(said, "192.168.1.7:5555") == "192.168.1.7:5555"


@given(text=st.text())
def test_any_answer_of_a_server_is_read(text):
    for one in listed_of(text):
        assert "\t" not in one.serial
        assert isinstance(unusable("phone", one), DeviceError)


def test_the_list_as_adb_prints_it():
    text = "3A281\tdevice\n(no serial number)\tno permissions (missing udev rules?); see [http://x]\n"
    assert listed_of(text) == [
        PIXEL,
        Listed("(no serial number)", "no permissions (missing udev rules?); see [http://x]"),
    ]


@pytest.mark.parametrize(
    ("given_", "environment", "expected"),
    [
        (None, {}, ServerAddress("127.0.0.1", 5037, False)),
        (None, {"ANDROID_ADB_SERVER_PORT": "6000"}, ServerAddress("127.0.0.1", 6000, False)),
        (None, {"ANDROID_ADB_SERVER_ADDRESS": "pc"}, ServerAddress("pc", 5037, True)),
        (None, {"ADB_SERVER_SOCKET": "tcp:6001"}, ServerAddress("127.0.0.1", 6001, False)),
        (None, {"ADB_SERVER_SOCKET": "tcp:pc:6001", "ANDROID_ADB_SERVER_PORT": "1"}, ServerAddress("pc", 6001, True)),
        ("pc", {"ADB_SERVER_SOCKET": "tcp:other:1"}, ServerAddress("pc", 5037, True)),
        ("127.0.0.1:6002", {}, ServerAddress("127.0.0.1", 6002, True)),
    ],
)
def test_which_server(given_, environment, expected):
    assert server_address(given_, environment) == expected


@pytest.mark.parametrize("text", ["pc:99999", "pc:0", "a b", ":5037", "pc:", "$(reboot)"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError, match="not the address"):
        server_address(text, {})
    with pytest.raises(UsageError):
        server_address(None, {"ADB_SERVER_SOCKET": "localabstract:x"})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("couldn't create file: Permission denied", "EACCES"),
        ("write failed: No space left on device\n", "ENOSPC"),
        ("open failed: Read-only file system", "EROFS"),
        ("mv: bad 'x': No such file or directory\nmore", "ENOENT"),
        ("write failed: Quota exceeded", "EDQUOT"),
        ("", None),
        ("FAIL", None),
    ],
)
def test_reasons_are_read_from_their_last_words(text, name):
    import errno

    assert reason_of(text) == (getattr(errno, name) if name else None)

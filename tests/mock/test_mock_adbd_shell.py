"""Commands on the simulated phone, through the real adb and through adbutils."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from adb_room import PlainPhone

from edgebench.mock.phone.adbd.processes import marked
from edgebench.mock.phone.adbd.server import MARK, AdbDaemon
from edgebench.mock.phone.adbd.wire import VERSION_WITH_CHECKSUMS


def test_the_phone_is_listed_with_its_product(adb, daemon):
    listed = adb.run("devices", "-l").stdout.decode()
    assert re.search(
        rf"^{daemon.address}\s+device .*product:plain model:Plain_Phone device:plain", listed, re.MULTILINE
    )
    assert adb.run("-s", daemon.address, "get-state").stdout == b"device\n"


def test_outputs_stay_apart_and_the_exit_code_comes_through_both_clients(adb, daemon, phone):
    command = "getprop ro.serialno; echo trouble >&2; exit 7"
    run = adb.run("-s", daemon.address, "shell", command)
    assert (run.returncode, run.stdout, run.stderr) == (7, b"PLAIN0001\n", b"trouble\n")
    answer = phone.shell2(command, v2=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (7, "PLAIN0001\n", "trouble\n")


@pytest.mark.parametrize(
    ("command", "code"), [("true", 0), ("exit 255", 255), ("kill -9 $$", 137), ("no-such-tool", 127)]
)
def test_exit_codes_are_the_shells(adb, daemon, command, code):
    assert adb.run("-s", daemon.address, "shell", command).returncode == code


def test_a_mebibyte_of_any_bytes_comes_back_unchanged(adb, daemon, phone):
    given = os.urandom(1 << 20)
    assert adb.run("-s", daemon.address, "shell", "cat", given=given).stdout == given
    (daemon.face.tmp / "bytes").write_bytes(given)
    assert phone.shell2(f"cat {daemon.face.tmp}/bytes", v2=True, encoding=None).stdout == given
    assert adb.run("-s", daemon.address, "exec-out", f"cat {daemon.face.tmp}/bytes").stdout == given


def test_standard_input_ends_and_the_command_goes_on(adb, daemon):
    run = adb.run("-s", daemon.address, "shell", "wc -c; echo done; exit 3", given=b"x" * 300_001)
    assert (run.returncode, run.stdout.split()) == (3, [b"300001", b"done"])


def test_a_shell_without_a_command_reads_its_input(adb, daemon):
    run = adb.run("-s", daemon.address, "shell", "-T", given=b"echo first\nexit 9\n")
    assert (run.returncode, run.stdout) == (9, b"first\n")


def test_a_person_gets_a_terminal_with_a_size_and_both_outputs_in_it(adb, daemon):
    command = "tty -s < /dev/tty && test -t 0 && test -t 1 && test -t 2 && echo $TERM >&2; exit 6"
    adb.environment["TERM"] = "vt100"
    run = adb.run("-s", daemon.address, "shell", "-t", "-t", command, given=b"")
    assert (run.returncode, run.stdout, run.stderr) == (6, b"vt100\r\n", b"")


def test_a_key_interrupts_what_runs_in_a_terminal(adb, daemon):
    with adb.popen("-s", daemon.address, "shell", "-t", "-t", "echo ready; exec sleep 1000") as client:
        assert client.stdout.readline() == b"ready\r\n"
        client.stdin.write(b"\x03")
        client.stdin.flush()
        assert client.wait(30) == 130
        client.stdin.close()


def test_a_command_that_does_not_read_its_input_ends_all_the_same(adb, daemon):
    run = adb.run("-s", daemon.address, "shell", "exec <&-; echo deaf; exit 4", given=bytes(5_000_000))
    assert (run.returncode, run.stdout) == (4, b"deaf\n")


def test_exec_in_is_read_to_its_end_though_the_client_goes(adb, daemon):
    target, fifo = daemon.face.tmp / "target", daemon.face.tmp / "fifo"
    os.mkfifo(fifo)
    sent = adb.run("-s", daemon.address, "exec-in", f"cat > {target}; echo over > {fifo}", given=bytes(3_000_000))
    assert sent.returncode == 0, sent
    assert fifo.read_text() == "over\n"
    assert target.read_bytes() == bytes(3_000_000)


def test_the_old_shell_merges_outputs_and_tells_no_code(phone):
    assert phone.shell("echo one; echo two >&2; exit 5") == "one\ntwo"
    answer = phone.shell2("echo one; echo two >&2; (exit 5)")
    assert (answer.returncode, answer.output) == (5, "one\ntwo\n")


def test_an_old_phone_takes_files_with_checksums_and_always_exits_0(tmp_path, adb):
    with AdbDaemon(PlainPhone(tmp_path / "old", features=("cmd",)), version=VERSION_WITH_CHECKSUMS) as old:
        adb.connect(old)
        run = adb.run("-s", old.address, "shell", "echo one; exit 5")
        assert (run.returncode, run.stdout) == (0, b"one\n")
        given = os.urandom(500_000)
        assert (
            adb.run("-s", old.address, "exec-out", f"head -c 500000 {old.face.tmp}/none; echo x").stdout[-2:] == b"x\n"
        )
        source = tmp_path / "source"
        source.write_bytes(given)
        assert adb.run("-s", old.address, "push", str(source), "/data/local/tmp/a").returncode == 0
        assert (old.face.tmp / "a").read_bytes() == given
        adb.disconnect(old)


# A shell that waits may miss a signal that comes just before it does; whoever blocks it first does not.
UNTIL_HUNG_UP = """
import pathlib, signal, sys
waits, told = map(pathlib.Path, sys.argv[1:])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
waits.write_text("waits")
signal.sigwait([signal.SIGHUP])
told.write_text("hung up")
"""


def test_a_client_that_goes_hangs_up_its_shell_but_not_what_the_shell_detached(adb, daemon):
    tmp = daemon.face.tmp
    for name in ("told", "waits"):
        os.mkfifo(tmp / name)
    (tmp / "waiter.py").write_text(UNTIL_HUNG_UP)
    detached = f"setsid sh -c 'echo $$ > {tmp}/told; exec sleep 1000' >/dev/null 2>&1 </dev/null &"
    client = adb.popen(
        "-s", daemon.address, "shell", f"{detached} exec {sys.executable} {tmp}/waiter.py {tmp}/waits {tmp}/told"
    )
    with client:
        detached_pid = int((tmp / "told").read_text())
        assert (tmp / "waits").read_text() == "waits"
        client.kill()
    assert (tmp / "told").read_text() == "hung up"
    assert b"sleep" in (Path("/proc") / str(detached_pid) / "cmdline").read_bytes()  # empty for one that ended


def test_a_child_that_keeps_an_output_open_keeps_the_command_open(adb, daemon):
    tmp = daemon.face.tmp
    os.mkfifo(tmp / "leave")
    client = adb.popen("-s", daemon.address, "shell", f"(read word < {tmp}/leave; echo $word) & echo started")
    with client:
        assert client.stdout.readline() == b"started\n"
        (tmp / "leave").write_text("late\n")
        assert client.stdout.read() == b"late\n"
    assert client.returncode == 0


def test_twenty_commands_at_once_get_their_own_answers(adb, daemon):
    def answer(number):
        return adb.run(
            "-s", daemon.address, "shell", f"head -c {number}000 /dev/zero; echo {number} >&2; exit {number}"
        )

    with ThreadPoolExecutor(20) as pool:
        runs = list(pool.map(answer, range(20)))
    assert [(run.returncode, len(run.stdout), run.stderr) for run in runs] == [
        (number, number * 1000, f"{number}\n".encode()) for number in range(20)
    ]


def test_several_phones_answer_for_themselves(tmp_path, adb):
    faces = [PlainPhone(tmp_path / f"phone{number}", serial=f"SERIAL{number}") for number in range(3)]
    with AdbDaemon(faces[0]) as first, AdbDaemon(faces[1]) as second, AdbDaemon(faces[2]) as third:
        for daemon in (first, second, third):
            adb.connect(daemon)
        told = {daemon.address: adb.device(daemon).shell("getprop ro.serialno") for daemon in (third, first, second)}
        assert list(told.values()) == ["SERIAL2", "SERIAL0", "SERIAL1"]
        listed = {info.serial for info in adb.client().list()}
        assert set(told) <= listed
        for daemon in (first, second, third):
            adb.disconnect(daemon)


def test_services_that_there_are_not_are_refused_and_harm_nothing(adb, daemon, phone):
    refused = adb.run("-s", daemon.address, "jdwp")
    assert (refused.returncode, refused.stdout, refused.stderr.strip()) == (1, b"", b"error: closed")
    assert b"cannot run as root" in adb.run("-s", daemon.address, "root").stdout
    assert adb.run("-s", daemon.address, "tcpip", "5555").stdout == b"restarting in TCP mode port: 5555\n"
    assert phone.shell("echo alive") == "alive"


def test_nothing_is_left_running_when_the_phone_is_over(tmp_path, adb):
    with AdbDaemon(PlainPhone(tmp_path / "phone")) as daemon:
        adb.connect(daemon)
        mark = adb.run("-s", daemon.address, "shell", f"echo ${MARK}").stdout.decode().strip()
        adb.run("-s", daemon.address, "shell", "for i in 1 2 3; do setsid sleep 1000 >/dev/null 2>&1 </dev/null & done")
        assert len(marked(MARK, mark)) >= 3
    adb.disconnect(daemon)
    assert marked(MARK, mark) == []

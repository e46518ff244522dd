"""A simulated phone as its shells see it: real processes, its commands alone on PATH, its files moving."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tflite_models

from edgebench.mock.phone.bustle import MARK, Bustle
from edgebench.mock.phone.faults import parse_fault
from edgebench.mock.phone.phone import Phone

TMP = "data/local/tmp"


class Alive:
    """A phone that lives ten times as fast, and its shell."""

    def __init__(self, folder, form="oneplus-7t", *faults, speed=10.0, **options):
        folder.mkdir()
        self.phone = Phone(folder, form, faults=[parse_fault(text) for text in faults], speed=speed, **options)
        self.tmp = self.phone.root / TMP

    def __enter__(self):
        self.phone.__enter__()
        return self

    def __exit__(self, *ended):
        self.phone.__exit__(*ended)

    def start(self, command, **options):
        environment = {**self.phone.environment(), **options.pop("env", {})}
        return subprocess.Popen([*self.phone.shell, "-c", command], env=environment, cwd=self.tmp, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # fmt: skip

    def shell(self, command, **options):
        process = self.start(command, **options)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def said(self, command):
        code, out, err = self.shell(command)
        assert (code, err) == (0, "")
        return out.rstrip("\n")

    def read(self, path):
        return (self.phone.root / path).read_text().strip()


@pytest.fixture(scope="module")
def phone(tmp_path_factory):
    with Alive(tmp_path_factory.mktemp("phone") / "p") as alive:
        tflite_models.upscaler(alive.tmp / "m.tflite", size=64)
        yield alive


class TestCommands:
    def test_path_is_the_phones_own(self, phone):
        assert phone.said("command -v cat getprop sha256sum taskset").split("\n") == [
            str(phone.phone.folder / "bin" / name) for name in ("cat", "getprop", "sha256sum", "taskset")
        ]
        assert phone.shell("python3 -c 1")[0] == 127
        assert phone.shell("su -c id")[0] == 127
        assert phone.said("id -u; uname -m; nproc") == "2000\naarch64\n8"

    def test_uname_gives_what_was_asked_for(self, phone):
        assert phone.said("uname") == "Linux"
        assert phone.said("uname -r -m") == phone.said("uname -mr") == "4.14.180-simulated aarch64"
        assert phone.said("uname -a").split()[::6] == ["Linux", "aarch64"]

    def test_a_screen_that_is_locked(self, phone, tmp_path):
        assert "mScreenOn=true\n  mScreenLocked=false\n" in phone.said("dumpsys deviceidle")
        with Alive(tmp_path / "a", "pixel-8", "screen-locked") as locked:
            assert "mScreenOn=false\n  mScreenLocked=true\n" in locked.said("dumpsys deviceidle")
            assert "mWakefulness=Asleep" in locked.said("dumpsys power")
            assert "isKeyguardShowing=true" in locked.said("dumpsys window")

    def test_garbage_and_nonsense(self, tmp_path):
        with Alive(tmp_path / "a", "oneplus-7t", "garbage-dumpsys") as odd:
            assert odd.said("dumpsys battery") == odd.said("dumpsys thermalservice") != ""
            assert "level: 72" not in odd.said("dumpsys battery")
        with Alive(tmp_path / "b", "oneplus-7t", "hot-nonsense") as hot:
            text = hot.said("dumpsys thermalservice")
            assert "mValue=-99.900" in text
            assert "mValue=8900.000" in text

    def test_properties(self, phone):
        assert phone.said("getprop ro.product.model") == "HD1903"
        assert phone.said("getprop persist.demo.lines") == "first\nsecond]: [third"
        assert phone.said("getprop no.such.thing; getprop no.such.thing fallback") == "\nfallback"
        listed = phone.said("getprop")
        assert "[persist.demo.bracket]: [value with ] bracket]\n" in listed
        assert f"[ro.serialno]: [{phone.phone.serial}]" in listed

    def test_settings_are_kept_and_deleted(self, phone):
        assert phone.said("settings get global low_power") == "0"
        assert phone.said("settings put global low_power 1; settings get global low_power") == "1"
        assert phone.said("settings delete global low_power; settings get global low_power") == "Deleted 1 rows\nnull"
        assert phone.said("settings put system odd 'a b'; settings get system odd") == "a b"
        assert phone.shell("settings get nowhere key")[0] == 1
        assert phone.shell("settings get global ../../x")[0] == 1

    def test_services_answer_and_unknown_ones_say_so(self, phone):
        assert "  level: 72\n" in phone.said("dumpsys battery")
        assert "Thermal Status: 0\n" in phone.said("dumpsys thermalservice")
        assert "Adreno (TM) 640" in phone.said("dumpsys SurfaceFlinger | grep GLES")
        assert "mWakefulness=Awake" in phone.said("dumpsys power")
        code, out, err = phone.shell("dumpsys nothing")
        assert (code, out, err) == (0, "", "Can't find service: nothing\n")
        assert "battery" in phone.said("dumpsys -l")
        assert phone.shell("cmd power sing")[0] == 255
        assert phone.shell("cmd nothing")[0] == 20

    def test_doze_stay_on_and_airplane(self, phone):
        assert phone.said("dumpsys deviceidle disable >/dev/null; dumpsys deviceidle enabled") == "0"
        assert phone.said("dumpsys deviceidle enable >/dev/null; dumpsys deviceidle enabled") == "1"
        assert phone.said("svc power stayon true; settings get global stay_on_while_plugged_in") == "7"
        assert phone.said("cmd connectivity airplane-mode enable; cmd connectivity airplane-mode") == "enabled"
        assert phone.said("settings get global airplane_mode_on") == "1"

    def test_a_status_that_was_overridden_is_shown(self, phone):
        phone.said("cmd thermalservice override-status 3")
        wait_for(lambda: "Thermal Status: 3" in phone.said("dumpsys thermalservice"))
        phone.said("cmd thermalservice reset")
        wait_for(lambda: "Thermal Status: 0" in phone.said("dumpsys thermalservice"))

    @pytest.mark.parametrize("mask", ["0", "100", "zz", ""])
    def test_masks_that_the_phone_does_not_have(self, phone, mask):
        assert phone.shell(f"taskset '{mask}' true")[0] == 1

    @pytest.mark.parametrize(("given", "seconds"), [("3", 3), ("2.5", 2.5), ("0.093", 0.093), ("0.05m", 3), ("08", 8)])
    def test_sleep_takes_the_phones_seconds(self, phone, given, seconds):
        before = phone.phone.now_ns()
        phone.said(f"sleep {given}")
        took_s = (phone.phone.now_ns() - before) / 1e9
        assert seconds <= took_s < seconds + 5  # half a second of ours to start a process

    def test_paths_of_the_phone_lie_below_its_root(self, phone):
        phone.said("echo hello >/data/local/tmp/greeting; cat /data/local/tmp/greeting")
        assert (phone.tmp / "greeting").read_text() == "hello\n"
        assert phone.said(f"cat {phone.tmp}/greeting") == "hello"
        assert not Path("/data/local/tmp/greeting").exists()


def wait_for(condition, seconds=20.0):
    """Ask until it is so; what is waited for is another process or thread that says nothing when it is done."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class TestFiles:
    def test_uptime_and_sensors_move(self, phone):
        uptime, current = (
            float(phone.read("proc/uptime").split()[0]),
            phone.read("sys/class/power_supply/battery/uevent"),
        )
        assert "POWER_SUPPLY_STATUS=Discharging" in current
        wait_for(lambda: float(phone.read("proc/uptime").split()[0]) > uptime + 5)
        assert abs(float(phone.read("proc/uptime").split()[0]) - phone.phone.now_ns() / 1e9) < 2
        zones = [phone.read(f"sys/class/thermal/thermal_zone{index}/type") for index in range(4)]
        assert "skin-therm-usr" in zones
        assert 20_000 < int(phone.read("sys/class/thermal/thermal_zone2/temp")) < 60_000

    def test_clusters_are_those_of_the_processor(self, phone):
        base = "sys/devices/system/cpu/cpufreq"
        masks = {cluster: phone.read(f"{base}/policy{cluster}/related_cpus") for cluster in (0, 4, 7)}
        assert masks == {0: "0 1 2 3", 4: "4 5 6", 7: "7"}
        assert phone.read(f"{base}/policy7/cpuinfo_max_freq") == "2956800"

    def test_what_belongs_to_root(self, tmp_path):
        gpu = "sys/class/kgsl/kgsl-3d0/gpubusy"
        with Alive(tmp_path / "a") as plain, Alive(tmp_path / "b", "oneplus-7t", "rooted") as rooted:
            assert plain.shell(f"cat {plain.phone.root}/{gpu}")[0] == 1
            assert rooted.said(f"cat {rooted.phone.root}/{gpu}").endswith(" 1000000")
            assert rooted.said("su -c id").startswith("uid=0(root)")

    def test_rails_for_root_and_by_service_for_everybody(self, tmp_path):
        with Alive(tmp_path / "a", "pixel-8", "rooted") as rooted:
            lines = rooted.read("sys/bus/iio/devices/iio:device0/energy_value").splitlines()
            assert len(lines) == 9
            assert lines[1].startswith("CH0(T=")
            assert "CH0[S10M_VDD_TPU]:TPU" in rooted.read("sys/bus/iio/devices/iio:device0/enabled_rails")
            meter = rooted.said("dumpsys android.hardware.power.stats.IPowerStats/default delta")
            assert "[S10M_VDD_TPU]:TPU" in meter
            assert meter.count(" mWs (") == 16

    def test_a_reboot_is_a_new_boot(self, tmp_path):
        with Alive(tmp_path / "a") as alive:
            boot, path = alive.read("proc/sys/kernel/random/boot_id"), "state/set/fixed-performance"
            alive.said("cmd power set-fixed-performance-mode-enabled true")
            alive.phone.rebooted()
            assert alive.read("proc/sys/kernel/random/boot_id") != boot
            assert 15e9 < alive.phone.now_ns() < 60e9
            assert not (alive.phone.folder / path).exists()


class TestTool:
    def test_its_process_lies_within_what_a_shell_stamps_around_it(self, phone):
        read = f"IFS=' ' read -r at rest <{phone.phone.root}/proc/uptime"
        run = "./benchmark_model --graph=m.tflite --num_runs=1 --min_secs=0 >/dev/null 2>&1"
        for _ in range(5):
            stamps = phone.said(f"{read}; echo $at; {run}; {read}; echo $at").split()
            process = phone.phone.processes[-1]
            begin, end = (round(float(stamp) * 1e9) for stamp in stamps)
            # both clocks count in steps of 10 ms; the machine's is ten times as long on this phone
            assert begin <= process.begin_ns + 110_000_000
            assert process.end_ns < end + 10_000_000

    def test_it_runs_in_the_phones_time_and_draws_its_power(self, phone):
        begin = phone.phone.now_ns()
        code, out, _ = phone.shell("./benchmark_model --graph=m.tflite --use_gpu=true --min_secs=8")
        end = phone.phone.now_ns()
        assert code == 0
        assert "INFO: Inference timings in us:" in out
        assert 8 < (end - begin) / 1e9 < 30
        assert phone.phone.truth(end - 5_000_000_000, end).mean_watts > 1.5

    def test_it_sees_its_mask_and_is_seen(self, phone):
        process = phone.start("exec taskset 70 ./benchmark_model --graph=m.tflite --min_secs=100")
        status = phone.phone.root / f"proc/{process.pid}/status"
        wait_for(status.exists)
        assert "Cpus_allowed:\t70\n" in status.read_text()
        assert "Cpus_allowed_list:\t4,5,6\n" in status.read_text()
        assert "VmHWM:" in status.read_text()
        assert f"pid {process.pid}" in phone.said(f"dumpsys meminfo {process.pid}")
        process.kill()
        process.communicate()
        wait_for(lambda: not status.exists())
        wait_for(lambda: not phone.phone.body.load.kinds())

    def test_outputs_are_really_computed(self, phone):
        from ai_edge_litert.interpreter import Interpreter

        inputs = np.random.default_rng(1).random((1, 64, 64, 3), np.float32)
        (phone.tmp / "in.bin").write_bytes(inputs.tobytes())
        reference = Interpreter(model_path=str(phone.tmp / "m.tflite"))
        reference.allocate_tensors()
        name = reference.get_input_details()[0]["name"]
        reference.set_tensor(reference.get_input_details()[0]["index"], inputs)
        reference.invoke()
        wanted = reference.get_tensor(reference.get_output_details()[0]["index"])
        found = {}
        for use_gpu in ("false", "true"):
            phone.said(
                f"./benchmark_model --graph=m.tflite --num_runs=1 --min_secs=0.01 --use_gpu={use_gpu} 2>/dev/null "
                f"--input_layer={name} --input_layer_value_files={name}:in.bin --output_filepath=out.bin >/dev/null"
            )
            found[use_gpu] = np.fromfile(phone.tmp / "out.bin", np.float32).reshape(wanted.shape)
        assert np.allclose(found["false"], wanted, atol=1e-5)
        half = np.abs(found["true"] - wanted).max()
        assert 0 < half < 1e-2

    def test_wrong_outputs_by_fault(self, tmp_path):
        with Alive(tmp_path / "a", "oneplus-7t", "wrong-output@2") as alive:
            tflite_models.upscaler(alive.tmp / "m.tflite")
            written = []
            for _ in range(3):
                alive.said("./benchmark_model --graph=m.tflite --num_runs=1 --min_secs=0.01 --output_filepath=o 2>&1 "
                           ">/dev/null | grep ERROR; true")  # fmt: skip
                written.append((alive.tmp / "o").read_bytes())
            assert written[0] == written[2] != written[1]

    @pytest.mark.parametrize(("fault", "number"), [("crash", signal.SIGSEGV), ("oom", signal.SIGKILL)])
    def test_deaths(self, tmp_path, fault, number):
        with Alive(tmp_path / "a", "oneplus-7t", fault) as alive:
            tflite_models.upscaler(alive.tmp / "m.tflite")
            code, _, _ = alive.shell("./benchmark_model --graph=m.tflite; exit $?")
            assert code == 128 + number
            noted = alive.said("logcat -b events -d")
            assert ("killinfo" in noted) == (fault == "oom")

    def test_another_processors_program_is_not_started(self, tmp_path):
        with Alive(tmp_path / "a", "oneplus-7t", "wrong-abi") as alive:
            code, _, err = alive.shell("./benchmark_model --help")
            # mksh R59 ends with 1, other shells with 126 or 127: the words are what can be relied on
            assert code != 0
            assert "not executable: 64-bit ELF file" in err or "xec format error" in err

    def test_where_nothing_may_be_executed(self, tmp_path):
        with Alive(tmp_path / "a", "oneplus-7t", "noexec") as alive:
            assert alive.shell("./benchmark_model --help")[0] == 126
            assert alive.shell("chmod 755 benchmark_model && ./benchmark_model --help")[0] == 126

    def test_a_dialect_of_ones_own(self, phone):
        _, out, _ = phone.shell("./benchmark_model --graph=m.tflite", env={"EDGEBENCH_MOCK_DIALECT": "litert"})
        assert "BENCHMARK RESULTS" in out

    def test_who_does_not_know_the_token_is_not_served(self, phone, tmp_path):
        address = json.loads((phone.phone.folder / "state/tool.json").read_text())
        (tmp_path / "guess.json").write_text(json.dumps({**address, "token": "0" * 32}))
        from edgebench.mock.phone.tool import stand_in

        command = [sys.executable, stand_in.__file__, str(tmp_path / "guess.json"), "--help"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stdout) == (1, "")


class TestBustle:
    def test_busy_loops_of_the_phone_heat_it_and_others_do_not(self, phone, tmp_path):
        assert shutil.which("sh")
        loop = "while :; do :; done"
        ours = phone.start(loop)
        stranger = subprocess.Popen([shutil.which("sh"), "-c", loop], env={"PATH": os.environ["PATH"]})
        try:
            looker = Bustle(phone.phone.folder)
            looker.busy()
            wait_for(lambda: looker.busy() == 1)
            assert Bustle(tmp_path).busy() == 0
            wait_for(lambda: phone.phone.body.load.kinds().get("cpu", 0.0) > 1.0)
        finally:
            for process in (ours, stranger):
                process.kill()
                process.wait()
        ours.stdout.close()
        ours.stderr.close()
        wait_for(lambda: not phone.phone.body.load.kinds())

    def test_who_sleeps_in_between_is_not_busy_however_often_it_is_found_waiting_for_its_turn(self, tmp_path):
        for pid in ("11", "12"):
            (tmp_path / f"proc/{pid}").mkdir(parents=True)
            (tmp_path / f"proc/{pid}/environ").write_text(f"{MARK}=/phone\0HOME=/\0")
            (tmp_path / f"proc/{pid}/stat").write_text(f"{pid} (sh) R " + "0 " * 18 + "4711 0")
        looker = Bustle(Path("/phone"), tmp_path / "proc")
        for look in range(6):
            (tmp_path / "proc/11/status").write_text("Name:\tsh\nvoluntary_ctxt_switches:\t5\n")
            (tmp_path / "proc/12/status").write_text(f"Name:\tsh\nvoluntary_ctxt_switches:\t{look}\n")
            assert looker.busy() == (1 if look >= 2 else 0)


def test_the_folder_of_a_phone_may_have_blanks_in_its_name(tmp_path):
    with Alive(tmp_path / "a phone's") as alive:
        tflite_models.upscaler(alive.tmp / "m.tflite")
        assert alive.shell("./benchmark_model --graph=m.tflite")[0] == 0
        assert alive.said("getprop ro.product.model; sleep 1; dumpsys deviceidle enabled") == "HD1903\n1"

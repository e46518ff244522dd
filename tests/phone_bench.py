"""A phone made of a folder: a fake sysfs tree, programs that print captured output, and a real shell to ask them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edgebench.mock.phone.phone import Phone
from edgebench.transports.base import Completed

SAMPLES = Path(__file__).parent / "phones" / "data"
SHELLS = ("dash", "mksh", "busybox")
GETPROP = """\
[ro.product.manufacturer]: [OnePlus]
[ro.product.model]: [HD1903]
[ro.product.device]: [OnePlus7T]
[ro.board.platform]: [msmnile]
[ro.serialno]: [secret123]
[ro.product.cpu.abilist]: [arm64-v8a,armeabi-v7a,armeabi]
[ro.build.version.release]: [11]
[ro.build.version.sdk]: [30]
[ro.build.version.security_patch]: [2021-12-01]
[ro.build.fingerprint]: [OnePlus/OnePlus7T_EEA/OnePlus7T:11/RKQ1/2112:user/release-keys]
[persist.odd]: [a ] b
c]
"""
IDLE = "  mScreenOn=true\n  mScreenLocked=false\n  mState=ACTIVE\n"
GLES = "GLES: Qualcomm, Adreno (TM) 640, OpenGL ES 3.2 V@415.0 (GIT@663be55)\n"
BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  status: 2
  level: 71
  scale: 100
  voltage: 4012
  temperature: 301
"""
POLICIES = {"0": ("0 1 2 3", "1785600"), "4": ("4 5 6", "2419200"), "7": ("7", "2956800")}


class FolderPhone:
    """The part of a transport that facts are asked through; `shell` is the real shell that its `sh` is."""

    name = "folder-phone"

    def __init__(self, folder: Path, shell: str = "dash") -> None:
        self.root = folder / "root"
        self.home = folder / "data" / "edgebench"
        self.bin = folder / "bin"
        self.asked: list[list[str]] = []
        self.bin.mkdir()
        self._alias("sh", shell)
        for name in ("uname", "df", "timeout", "sha256sum", "cat", "id"):
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.home.mkdir(parents=True)
        self.program("getprop", GETPROP)
        self.dumps = {
            "battery": BATTERY,
            "thermalservice": (SAMPLES / "thermalservice_qcom_pixel3a.txt").read_text(),
            "deviceidle": IDLE,
            "SurfaceFlinger": "noise\n" + GLES,
        }
        self._dumpsys()
        self._tree()

    def _alias(self, name: str, program: str) -> None:
        found = shutil.which(program)
        assert found is not None, f"{program} is not installed: sh tools/system_packages.sh"
        script = f'#!/bin/sh\nexec {found} {"sh " if program == "busybox" else ""}"$@"\n'
        self._write(self.bin / name, script)

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def program(self, name: str, prints: str, code: int = 0) -> None:
        """Put a program on the phone that prints this and ends so."""
        (self.bin / f"{name}.txt").write_text(prints)
        self._write(self.bin / name, f'#!/bin/sh\n/bin/cat "{self.bin}/{name}.txt"\nexit {code}\n')

    def dump(self, service: str, text: str) -> None:
        """What `dumpsys SERVICE` prints from now on."""
        self.dumps[service] = text
        self._dumpsys()

    def _dumpsys(self) -> None:
        for at, text in enumerate(self.dumps.values()):
            (self.bin / f"dump{at}.txt").write_text(text)
        cases = "".join(f'{name}) /bin/cat "{self.bin}/dump{at}.txt" ;;\n' for at, name in enumerate(self.dumps))
        unknown = '*) echo "Can\'t find service: $1"; exit 1 ;;\n'
        self._write(self.bin / "dumpsys", f'#!/bin/sh\ncase "$1" in\n{cases}{unknown}esac\n')

    def file(self, path: str, text: str) -> Path:
        """A file below the fake root."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def _tree(self) -> None:
        self.file("/proc/uptime", "5000.25 30000.00\n")
        self.file("/proc/loadavg", "1.50 1.25 1.00 2/900 4242\n")
        self.file("/proc/sys/kernel/random/boot_id", "0f0e\n")
        self.file("/proc/cpuinfo", "CPU part\t: 0x805\nCPU part\t: 0x804\nHardware\t: Qualcomm SM8150\n")
        self.file("/proc/meminfo", "MemTotal:  7700000 kB\nMemAvailable: 4000000 kB\nSwapTotal: 0 kB\n")
        self.file("/sys/devices/system/cpu/online", "0-7\n")
        self.file("/sys/devices/system/cpu/possible", "0-7\n")
        for number, (cpus, khz) in POLICIES.items():
            policy = f"/sys/devices/system/cpu/cpufreq/policy{number}"
            values = {"related_cpus": cpus, "cpuinfo_max_freq": khz, "scaling_governor": "schedutil"}
            values |= {"scaling_cur_freq": "576000", "scaling_max_freq": khz}
            for name, value in values.items():
                self.file(f"{policy}/{name}", value + "\n")
        self.file("/sys/class/thermal/thermal_zone0/type", "cpu-0-0-usr\n")
        self.file("/sys/class/thermal/thermal_zone0/temp", "33800")  # no newline at its end
        self.file("/sys/class/power_supply/battery/current_now", "312\n")
        self.file("/sys/class/power_supply/battery/voltage_now", "4012000\n")
        self.file("/sys/class/power_supply/battery/status", "Not charging\n")
        (self.home / "tools" / "ab").mkdir(parents=True)
        (self.home / "tools" / "ab" / "benchmark_model").write_bytes(b"tool")

    def exec(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0, env: object = None
    ) -> Completed:
        """Run it with this phone's programs alone on PATH."""
        self.asked.append(list(argv))
        only = {"PATH": str(self.bin), "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout_s, env=only, cwd=self.home)
        except FileNotFoundError:
            return Completed(127, b"", b"not found")
        return Completed(done.returncode, done.stdout, done.stderr)


class SimulatedShell:
    """A transport's `exec` as the phone's daemon would carry it out: a line for its shell."""

    name = "simulated"

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def exec(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0, env: object = None
    ) -> Completed:
        """Run it in the phone's shell, with each word as a parameter."""
        shell = [*self._phone.shell, "-c", '"$@"', "sh", *argv]
        home = self._phone.root / "data/local/tmp"
        done = subprocess.run(
            shell, input=stdin, capture_output=True, timeout=timeout_s, env=dict(self._phone.environment()), cwd=home
        )
        return Completed(done.returncode, done.stdout, done.stderr)

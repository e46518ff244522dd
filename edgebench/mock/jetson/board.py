"""A simulated board as a whole: its folder, its life in real time, its programs, and the SSH server before it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from edgebench.mock.body import Truth
from edgebench.mock.jetson.boards import BOARDS
from edgebench.mock.jetson.busy import MARK, Busy
from edgebench.mock.jetson.facts import BoardFacts
from edgebench.mock.jetson.faults import Fault, Faults
from edgebench.mock.jetson.hardware import Hardware
from edgebench.mock.jetson.powers import Powers
from edgebench.mock.jetson.program_server import ProgramServer
from edgebench.mock.jetson.programs.installed import installed
from edgebench.mock.jetson.ssh.files import Disk
from edgebench.mock.jetson.ssh.keys import make_keys
from edgebench.mock.jetson.ssh.server import SshServer
from edgebench.mock.jetson.ssh.session import Shell, kill, unprivileged
from edgebench.mock.living import Living
from edgebench.mock.phone.loads import Work

USER = "jetson"
BOOTING_S = 20.0
"""How long nothing answers when it reboots, in its seconds."""
DYING_S = 0.01
"""What processes that were killed get to be gone before it is looked for more."""
NO_ROOM = """#!/bin/sh
echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'
echo '/dev/mmcblk0p1 1 1 0 100% /'
"""


class JetsonBoard:
    """The board called `name` (a profile's) in `folder` (there, empty), alive from `with` until its end.

    `speed`: its seconds in one of ours. It is a `host.Board` for its programs and a `Host` for its SSH server.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "jetson-nano",
        *,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        speed: float = 1.0,
    ) -> None:
        unprivileged()  # before anything is opened: it may not be possible here
        self.folder, self.speed = folder, speed
        for part in ("root/root", "root/tmp", f"root/home/{USER}", "bin", "state"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._busy = Busy(folder)
        self.hardware = Hardware(BOARDS[name], self.root, faults=faults, seed=seed, usage=self._busy.usage)
        self.living = Living(self.hardware.board, speed=speed, seed=seed)
        self._powers = Powers(self.hardware, self.living.held)
        programs = installed(self.facts, self.faults)
        self._programs = ProgramServer(self, programs, folder / "state/programs.json", speed)
        self._programs.install(self.root)
        for program in programs:
            if program.name not in ("tee", "chmod", "cat"):
                (folder / "bin" / program.name).symlink_to(self.root / program.path.lstrip("/"))
        if self.faults.has("disk-full"):
            (folder / "bin/df").write_text(NO_ROOM, encoding="ascii")
            (folder / "bin/df").chmod(0o755)
        self._keys = make_keys(folder / "state")
        self.ssh = SshServer(self, self._keys)
        self.ssh.write_known_hosts(folder / "state/known_hosts")
        self._commands = 0
        self._struck: set[Fault] = set()
        self._over = threading.Event()
        self.booted = threading.Event()
        self._watch = threading.Thread(target=self._strike_in_time, name="board-faults", daemon=True)
        self._boots: list[threading.Thread] = []
        self._open = ExitStack()

    def __enter__(self) -> JetsonBoard:
        # what is below here is ended first: nobody may come in, start, or speak of a board that is taken apart
        self._open.callback(self.hardware.close)
        self._open.enter_context(self.living)
        self._open.callback(self._wait_for_boots)
        self._open.enter_context(self._programs)
        self._open.callback(self.ssh.wait_for_commands)
        self._open.callback(self._end_processes)
        self._open.enter_context(self.ssh)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self._open.close()

    @property
    def root(self) -> Path:
        """What stands for its `/`."""
        return self.folder / "root"

    @property
    def home(self) -> Path:
        """Its user's folder."""
        return self.root / "home" / USER

    @property
    def client_key(self) -> Path:
        """The private key that may log in."""
        return self._keys.client

    @property
    def known_hosts(self) -> Path:
        """The file that names its own key."""
        return self.folder / "state/known_hosts"

    @property
    def facts(self) -> BoardFacts:
        """What kind of board it is."""
        return self.hardware.facts

    @property
    def faults(self) -> Faults:
        """What was made to go wrong."""
        return self.hardware.faults

    @property
    def powers(self) -> Powers:
        """What the vendor's programs do to it, and see of it."""
        return self._powers

    @property
    def user(self) -> str:
        """Who may log in."""
        return USER

    @property
    def shell(self) -> Shell:
        """Where commands run: with this machine's programs behind the board's."""
        path = f"{self.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        return Shell(self.home, {"PATH": path, "HOME": str(self.home), "USER": USER, "LOGNAME": USER,
                                 "SHELL": "/bin/sh", "LANG": "C.UTF-8", MARK: str(self.folder)})  # fmt: skip

    @property
    def disk(self) -> Disk:
        """What SFTP may touch."""
        return Disk(self.folder, self.home, lambda: self.faults.now("disk-full", self.lived_s()))

    def commanded(self, command: bytes) -> bool:
        """Count a command; some faults wait for one."""
        self._commands += 1
        return not self._strike(nth=self._commands)

    def now_ns(self) -> int:
        """Its uptime."""
        with self.living.held():
            return round(self.hardware.uptime_s * 1e9)

    def lived_s(self) -> float:
        """Its seconds since it was started as a simulation."""
        with self.living.held():
            return self.hardware.lived_s

    def truth(self, begin_ns: int, end_ns: int) -> Truth:
        """The true energy between two times of this machine's monotonic clock, up to now."""
        return self.living.truth(begin_ns, end_ns)

    def work(self, who: object, work: Work | None) -> None:
        """Let `who` draw that from now on."""
        with self.living.held():
            self.hardware.work(who, work)

    def hold(self, who: object, kib: int, of_gpu: bool = False) -> None:
        """Let `who` have that much memory from now on."""
        with self.living.held():
            self.hardware.hold(who, kib, of_gpu)

    def forget(self, who: object) -> None:
        """`who` is no more."""
        with self.living.held():
            self.hardware.forget(who)

    def share(self, kind: str) -> float:
        """The present clock as a share of the highest."""
        with self.living.held():
            return self.hardware.share(kind)

    def moment(self, name: str) -> None:
        """A moment has come: faults that wait for it strike."""
        self._strike(moment=name)

    def reboot(self) -> None:
        """Go down now, with everything that runs; come back after a while (`booted` is set then)."""
        self.booted.clear()
        self.ssh.go_down()
        boot = threading.Thread(target=self._boot, name="board-boot", daemon=True)
        self._boots.append(boot)
        boot.start()

    def _wait_for_boots(self) -> None:
        for boot in self._boots:
            boot.join()

    def _boot(self) -> None:
        self._end_processes()
        if self._over.wait(BOOTING_S / self.speed):
            return
        with self.living.held():
            self.hardware.reboot()
        self.ssh.come_up()
        self.booted.set()

    def _strike(self, nth: int = 0, moment: str | None = None) -> bool:
        """Let faults of the link happen whose time has come, each once. Returns whether one did."""
        seconds, happened = self.lived_s(), False
        for fault in self.faults.all:
            if fault in self._struck or fault.name not in ("link-cut", "reboot"):
                continue
            if fault.strikes(seconds, nth, moment):
                self._struck.add(fault)
                happened = True
                (self.ssh.cut if fault.name == "link-cut" else self.reboot)()
        return happened

    def _strike_in_time(self) -> None:
        """Faults at a second happen though nothing is asked."""
        due = [fault for fault in self.faults.all if fault.after_s is not None]
        while due and not self._over.wait(0.05):
            self._strike()
            due = [fault for fault in due if fault not in self._struck]

    def _end_processes(self) -> None:
        """Kill what runs on the board, and what that starts meanwhile: processes of this machine that bear its mark."""
        while pids := self._busy.pids(afresh=True):
            for pid in pids:
                kill(int(pid))
            time.sleep(DYING_S)

"""A simulated phone as a whole: its folder, what its daemon asks of it, and the tools that run on it."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edgebench.mock.body import Truth
from edgebench.mock.phone import install
from edgebench.mock.phone.bustle import MARK, Bustle
from edgebench.mock.phone.face import USUAL_FEATURES
from edgebench.mock.phone.faults import Fault
from edgebench.mock.phone.life import Life
from edgebench.mock.phone.loads import Work
from edgebench.mock.phone.physics import PhoneBody
from edgebench.mock.phone.services import Services
from edgebench.mock.phone.tool import stand_in
from edgebench.mock.phone.tool.bench import Case
from edgebench.mock.phone.tool.processes import Processes, age_ns
from edgebench.mock.phone.tool.server import ToolServer
from edgebench.mock.phone.tool.speech import Dialect
from edgebench.mock.phone.tree import PhoneTree

TOOL = f"{install.TEMPORARY}/benchmark_model"
FOREIGN_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00\x01\x00\x00\x00" + bytes(40)
"""The head of an AArch64 program: no processor this simulation runs on starts it as it is."""


@dataclass
class Process:
    """A process of the tool: when it began and ended in the phone's uptime; `end_ns` None while it runs."""

    pid: int
    argv: tuple[str, ...]
    begin_ns: int
    end_ns: int | None = None


class Phone:
    """A phone of `form` in `folder` (there, empty), alive from `with` until its end. It is a `PhoneFace`.

    `speed`: its seconds in one of ours. `dialect`: what its `benchmark_model` speaks. `refused`: the kind of operator
    that `delegate-refusal` refuses. `processes` are all that its tool has had.
    """

    def __init__(
        self,
        folder: Path,
        form: str = "oneplus-7t",
        *,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        speed: float = 1.0,
        dialect: Dialect = "2021",
        refused: str = "DEPTH_TO_SPACE",
    ) -> None:
        self._folder = folder
        self.body = PhoneBody(form, seed=seed, faults=faults)
        self.serial = f"SIM{self.body.form.name.replace('-', '').upper()}{seed:04d}"
        rooted = self.body.faults.has("rooted")
        self.properties: Mapping[str, str] = {**self.body.form.properties, "ro.serialno": self.serial}
        install.lay_out(folder, self.properties, rooted)
        self._seed, self._refused = seed, refused
        self._write_state(speed)
        self._install_tool()
        self._tree = PhoneTree(folder / "root", self.body, rooted)
        self._services = Services(folder / "state", self.body)
        self.life = Life(self.body, self._tree, self._services, Bustle(folder), speed)
        self._processes = Processes(folder, self.body.form.cpus)
        self._tools = ToolServer(self, folder / "state/tool.json", dialect)
        self._open = ExitStack()
        self._runs = 0
        self.processes: list[Process] = []

    def __enter__(self) -> Phone:
        self._open.callback(self._tree.close)
        self._open.callback(self._services.close)
        self._open.enter_context(self._tools)
        self._open.enter_context(self.life)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def folder(self) -> Path:
        """The real folder that holds the whole phone; its file system is `folder/root`."""
        return self._folder

    @property
    def root(self) -> Path:
        """What stands for the phone's `/`."""
        return self._folder / "root"

    @property
    def features(self) -> tuple[str, ...]:
        """The features that its daemon announces."""
        return USUAL_FEATURES

    @property
    def shell(self) -> tuple[str, ...]:
        """Its shell's argv."""
        return (str(self._folder / "bin" / install.SHELL),)

    def environment(self) -> Mapping[str, str]:
        """The environment of its shells: PATH is the phone's own commands alone."""
        temporary = str(self.root / install.TEMPORARY)
        return {"PATH": str(self._folder / "bin"), "HOME": temporary, "TMPDIR": temporary, "USER": "shell",
                "ANDROID_DATA": "/data", "ANDROID_ROOT": "/system", MARK: str(self._folder)}  # fmt: skip

    def rebooted(self) -> None:
        """It comes back from a reboot."""
        for wish in (self._folder / "state/set").iterdir():
            wish.unlink(missing_ok=True)
        self.life.reboot()

    def truth(self, begin_ns: int, end_ns: int) -> Truth:
        """The true energy between two of its uptimes in ns. Raises ValueError beyond now."""
        return self.life.truth(begin_ns, end_ns)

    def now_ns(self) -> int:
        """Its uptime."""
        return self.life.now_ns()

    def wait_until(self, when_ns: int, gone: Callable[[], bool]) -> bool:
        """Wait in its time; False when `gone` said so, or it is over."""
        return self.life.wait_until(when_ns, gone)

    def work(self, who: object, work: Work | None) -> None:
        """Let `who` draw that from now on."""
        self.life.work(who, work)

    def clock_share(self) -> float:
        """The present clock as a share of the full one."""
        return self.body.clock_share

    def case(self, argv: tuple[str, ...], folder: Path, pid: int) -> Case:
        """What a process of the tool is started with; each counts as a run."""
        self._runs += 1
        self.processes.append(Process(pid, argv, self.now_ns() - round(age_ns(pid) * self.life.speed)))
        cpus = self._processes.began(pid, argv, folder)
        return Case(argv, folder, self.body.form, self.body.faults, cpus, self._runs, self.body.lived_s,
                    self._refused, self._seed)  # fmt: skip

    def killed(self, pid: int, signal_number: int) -> None:
        """A process of the tool is about to be killed: what the low-memory killer does, it notes (tag killinfo)."""
        if signal_number == signal.SIGKILL:
            line = f"11-21 10:00:00.000   512   512 I killinfo: [{pid},2000,-950,0,7340032,0,0,0,0,0,0,0,0,0,0,0,0]\n"
            with (self._folder / "state/log").open("a", encoding="ascii") as log:
                log.write(line)

    def ended(self, pid: int) -> None:
        """A process of the tool is no more."""
        self._processes.ended(pid)
        for process in self.processes:
            if process.pid == pid and process.end_ns is None:
                process.end_ns = self.now_ns()

    def _write_state(self, speed: float) -> None:
        state, form = self._folder / "state", self.body.form
        texts = {"permille": str(round(speed * 1000)), "cpus": str(form.cpus), "all-cpus": f"{(1 << form.cpus) - 1:x}"}
        if form.fixed_performance:
            texts["can-fix-performance"] = ""
        if form.suspends_input:
            texts["can-suspend-input"] = ""
        if self.body.faults.has("noexec"):
            texts["noexec"] = ""
        for name, text in texts.items():
            (state / name).write_text(f"{text}\n", encoding="ascii")

    def _install_tool(self) -> None:
        """The tool that lies on the phone already: a program of a few lines that calls the stand-in."""
        path = self.root / TOOL
        if self.body.faults.has("wrong-abi"):
            path.write_bytes(FOREIGN_ELF)
        else:
            words = [sys.executable, "-S", "-E", "-I", stand_in.__file__, str(self._folder / "state/tool.json")]
            path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        path.chmod(0o644 if self.body.faults.has("noexec") else 0o755)

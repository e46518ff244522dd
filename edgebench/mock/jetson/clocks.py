"""The clocks of a simulated board: cpufreq policies, CPUs on line, GPU and EMC, and the modes that cap them."""

from __future__ import annotations

from edgebench.mock.body import Body
from edgebench.mock.cells import Tree
from edgebench.mock.jetson.facts import BoardFacts, Gpu, Mode
from edgebench.mock.jetson.knobs import Knobs, between, one_of

CPU = "/sys/devices/system/cpu"
EMC_OLD = "/sys/kernel/debug/clk/override.emc"
EMC_NEW = "/sys/kernel/debug/bpmp/debug/clk/emc"
GPU_GOVERNORS = "nvhost_podgov userspace performance simple_ondemand"
AS_FAST = ("performance",)
AS_SLOW = ("powersave",)


class Clocks:
    """Shows the present clocks; knobs and `set_mode` change them. `cpu_load` and `gpu_load` (0..1) are given."""

    def __init__(self, facts: BoardFacts, tree: Tree, knobs: Knobs) -> None:
        self._facts, self._knobs = facts, knobs
        self.mode = facts.mode
        self.cpu_load = self.gpu_load = 0.0
        self._held_share = 1.0
        self._cpus = [_lay_policy(facts, policy, tree, knobs) for policy in facts.policies]
        self._current = [tree.cell(f"{folder}/scaling_cur_freq", 0) for folder in self._cpus]
        for cpu in range(facts.cpus):
            knobs.add(f"{CPU}/cpu{cpu}/online", "1", one_of("0 1"))
        self._online = tree.cell(f"{CPU}/online", "")
        tree.fixed(f"{CPU}/present", f"0-{facts.cpus - 1}")
        self._gpu = _lay_gpu(facts.gpu, tree, knobs) if facts.gpu else None
        self._gpu_cells = [tree.cell(f"{self._gpu}/cur_freq", 0), tree.cell(f"{facts.gpu.load_path}/load", 0)
                           ] if facts.gpu else []  # fmt: skip
        self._emc = _lay_emc(facts, tree, knobs) if facts.emc_mhz else None
        self._emc_cell = tree.cell(f"{self._emc[0]}/{self._emc[1]}", 0) if self._emc else None
        mode = facts.mode_of(facts.mode)
        if mode is not None:
            self._cap(mode)

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies' folders on the board."""
        return tuple(self._cpus)

    @property
    def gpu_folder(self) -> str | None:
        """The GPU's devfreq folder on the board."""
        return self._gpu

    @property
    def emc_folder(self) -> tuple[str, str, str] | None:
        """The memory clock's folder on the board, the names of its rate and of what locks it."""
        return self._emc

    def set_mode(self, mode: Mode) -> None:
        """Change the power mode; locked clocks are free again then, as on a real board."""
        self.mode = mode.number
        self._cap(mode)
        self.tell()

    def _cap(self, mode: Mode) -> None:
        low, high = self._facts.cpu_khz[0], self._at_most(mode.cpu_khz)
        for folder in self._cpus:
            self._knobs.set(f"{folder}/scaling_max_freq", str(high))
            self._knobs.set(f"{folder}/scaling_min_freq", str(low))
        for cpu in range(self._facts.cpus):
            self._knobs.set(f"{CPU}/cpu{cpu}/online", "1" if cpu < mode.cpus else "0")
        if self._gpu and self._facts.gpu:
            self._knobs.set(f"{self._gpu}/max_freq", str(hertz(mode.gpu_mhz)))
            self._knobs.set(f"{self._gpu}/min_freq", str(hertz(self._facts.gpu.clocks_mhz[0])))
        if self._emc:
            self._knobs.set(f"{self._emc[0]}/{self._emc[2]}", "0")

    def _at_most(self, khz: int) -> int:
        return max((step for step in self._facts.cpu_khz if step <= khz), default=self._facts.cpu_khz[0])

    def lock(self) -> None:
        """What jetson_clocks does: everything at the highest clock that the mode allows, busy or not."""
        for folder in self._cpus:
            self._knobs.set(f"{folder}/scaling_min_freq", self._knobs[f"{folder}/scaling_max_freq"])
        if self._gpu:
            self._knobs.set(f"{self._gpu}/min_freq", self._knobs[f"{self._gpu}/max_freq"])
        if self._emc:
            self._knobs.set(f"{self._emc[0]}/{self._emc[2]}", "1")
        self.tell()

    @property
    def are_locked(self) -> bool:
        """Whether an idle CPU runs at its highest clock."""
        return self.cpu_khz(0, busy=False) == self.cpu_khz(0, busy=True)

    def online(self) -> tuple[int, ...]:
        """The CPUs that are on."""
        return tuple(cpu for cpu in range(self._facts.cpus) if self._knobs[f"{CPU}/cpu{cpu}/online"] == "1")

    def cpu_khz(self, policy: int, *, busy: bool) -> int:
        """What a policy's clock is, before throttling."""
        folder = self._cpus[policy]
        low, high = self._knobs.number(f"{folder}/scaling_min_freq"), self._knobs.number(f"{folder}/scaling_max_freq")
        governor = self._knobs[f"{folder}/scaling_governor"]
        if governor in AS_SLOW:
            return min(low, high)
        return high if busy or governor in AS_FAST else min(low, high)

    def gpu_hz(self, *, busy: bool) -> int:
        """What the GPU's clock is, before throttling; 0 where there is none."""
        if self._gpu is None:
            return 0
        low, high = self._knobs.number(f"{self._gpu}/min_freq"), self._knobs.number(f"{self._gpu}/max_freq")
        return high if busy or self._knobs[f"{self._gpu}/governor"] in AS_FAST else min(low, high)

    def emc_mhz(self) -> float:
        """What the memory's clock is; 0 where it is not known."""
        if self._emc is None:
            return 0.0
        fast = self._knobs[f"{self._emc[0]}/{self._emc[2]}"] == "1" or max(self.cpu_load, self.gpu_load) > 0.1
        return self._facts.emc_mhz[-1 if fast else 0]

    def share(self, kind: str) -> float:
        """The clock under load as a share of the highest that there is, before throttling."""
        if kind == "cpu" or self._facts.gpu is None:
            return self.cpu_khz(0, busy=True) / self._facts.cpu_khz[-1]
        return self.gpu_hz(busy=True) / hertz(self._facts.gpu.clocks_mhz[-1])

    def show(self, body: Body) -> None:
        """Write the clocks of now."""
        self._held_share = body.clock_share
        self.tell()

    def tell(self) -> None:
        """Write what the knobs make of the clocks: a kernel shows it as soon as they are set."""
        held = self._held_share
        busy = self.cpu_load > 0.05
        for index, cell in enumerate(self._current):
            cell.set(round(self.cpu_khz(index, busy=busy) * (held if busy or self.are_locked else 1.0)))
        self._online.set(_ranges(self.online()))
        if self._gpu_cells:
            works = self.gpu_load > 0.0
            self._gpu_cells[0].set(round(self.gpu_hz(busy=works) * (held if works else 1.0)))
            self._gpu_cells[1].set(round(1000 * self.gpu_load))
        if self._emc_cell:
            self._emc_cell.set(round(self.emc_mhz() * 1_000_000))


def hertz(mhz: float) -> int:
    """MHz in Hz."""
    return round(mhz * 1_000_000)


def _ranges(cpus: tuple[int, ...]) -> str:
    """CPUs as the kernel lists them: `0-3,5`."""
    parts: list[list[int]] = []
    for cpu in cpus:
        if parts and cpu == parts[-1][1] + 1:
            parts[-1][1] = cpu
        else:
            parts.append([cpu, cpu])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def _lay_policy(facts: BoardFacts, cpus: tuple[int, ...], tree: Tree, knobs: Knobs) -> str:
    folder = f"{CPU}/cpufreq/policy{cpus[0]}"
    low, high = facts.cpu_khz[0], facts.cpu_khz[-1]
    fixed: dict[str, int | str] = {
        "cpuinfo_max_freq": high,
        "cpuinfo_min_freq": low,
        "scaling_available_governors": facts.governors,
        "scaling_available_frequencies": " ".join(map(str, facts.cpu_khz)),
        "related_cpus": " ".join(map(str, cpus)),
        "affected_cpus": " ".join(map(str, cpus)),
    }
    for name, value in fixed.items():
        tree.fixed(f"{folder}/{name}", value)
    knobs.add(f"{folder}/scaling_governor", facts.governor, one_of(facts.governors))
    knobs.add(f"{folder}/scaling_min_freq", str(low), between(low, high))
    knobs.add(f"{folder}/scaling_max_freq", str(high), between(low, high))
    for cpu in cpus:
        place = tree.folder / f"{CPU}/cpu{cpu}".lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        (place / "cpufreq").symlink_to(f"../cpufreq/policy{cpus[0]}")
    return folder


def _lay_gpu(gpu: Gpu, tree: Tree, knobs: Knobs) -> str:
    """The GPU's device with its devfreq folder, which /sys/class/devfreq names, too."""
    folder = f"{gpu.load_path}/devfreq/{gpu.node}"
    low, high = hertz(gpu.clocks_mhz[0]), hertz(gpu.clocks_mhz[-1])
    tree.fixed(f"{folder}/available_frequencies", " ".join(str(hertz(mhz)) for mhz in gpu.clocks_mhz))
    tree.fixed(f"{folder}/available_governors", GPU_GOVERNORS)
    tree.fixed(f"{gpu.load_path}/of_node/name", gpu.node.partition(".")[2] or gpu.node)
    knobs.add(f"{folder}/governor", "nvhost_podgov", one_of(GPU_GOVERNORS))
    knobs.add(f"{folder}/min_freq", str(low), between(low, high))
    knobs.add(f"{folder}/max_freq", str(high), between(low, high))
    (tree.folder / folder.lstrip("/") / "device").symlink_to("../..")
    listed = tree.folder / "sys/class/devfreq"
    listed.mkdir(parents=True, exist_ok=True)
    (listed / gpu.node).symlink_to(f"../../..{folder}")
    return folder


def _lay_emc(facts: BoardFacts, tree: Tree, knobs: Knobs) -> tuple[str, str, str]:
    """The memory clock's folder, the names of its rate and of what locks it."""
    low, high = (hertz(mhz) for mhz in (facts.emc_mhz[0], facts.emc_mhz[-1]))
    old = facts.release is not None and facts.release.major < 34
    folder, rate, lock = (EMC_OLD, "clk_rate", "clk_state") if old else (EMC_NEW, "rate", "mrq_rate_locked")
    for name, value in (("min_rate", low), ("max_rate", high)):
        tree.fixed(f"{folder}/{'clk_' if old else ''}{name}", value)
    knobs.add(f"{folder}/{lock}", "0", one_of("0 1"))
    return folder, rate, lock

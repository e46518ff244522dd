"""The files of a simulated board that say what it is; they never change."""

from __future__ import annotations

from edgebench.mock import machine
from edgebench.mock.cells import Tree
from edgebench.mock.jetson.facts import BoardFacts, Release

TEGRA_RELEASE = {
    "32.7.3": "# R32 (release), REVISION: 7.3, GCID: 31982016, BOARD: t210ref, EABI: aarch64, "
    "DATE: Tue Nov 22 17:30:08 UTC 2022",
    "35.4.1": "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64, "
    "DATE: Tue Aug  1 19:57:35 UTC 2023",
    "36.4.3": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, "
    "DATE: Wed Jan  8 01:49:37 UTC 2025\n# KERNEL_VARIANT: oot",
    "38.2.0": "# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic, EABI: aarch64, "
    "DATE: Fri Aug 22 00:55:42 UTC 2025\n# KERNEL_VARIANT: oot",
}
"""Lines of /etc/nv_tegra_release; BOARD is the same on boards that are not."""


def lay(tree: Tree, facts: BoardFacts) -> None:
    """Write them all."""
    machine.identity(tree, facts.model, facts.compatible)
    folder = tree.folder / "proc/device-tree"
    (folder / "serial-number").write_bytes(facts.serial.encode() + b"\0")
    if facts.dts is not None:
        (folder / "nvidia,dtsfilename").write_bytes(f"/dvs/git/dirty/git-master_linux/{facts.dts}".encode() + b"\0")
    tree.fixed("etc/machine-id", f"{int(facts.serial, 16):032x}")
    if facts.release is None:
        _lay_pi(tree)
    else:
        _lay_jetson(tree, facts, facts.release)
    # what runs on the board are processes of this machine: they find themselves where they look
    (tree.folder / "proc/self").symlink_to("/proc/self")
    tree.fixed("proc/cpuinfo", "\n".join(_cpu_block(facts, cpu) for cpu in range(facts.cpus)))


def _lay_jetson(tree: Tree, facts: BoardFacts, release: Release) -> None:
    tree.fixed("etc/nv_tegra_release", TEGRA_RELEASE[release.l4t])
    tree.fixed("proc/sys/kernel/osrelease", release.kernel)
    _os_release(tree, "ubuntu", release.ubuntu, "Ubuntu")
    cuda = ".".join(release.cuda.split(".")[:2])
    if release.major < 34:
        tree.fixed(f"usr/local/cuda-{cuda}/version.txt", f"CUDA Version {release.cuda}")
    else:
        text = f'{{"cuda": {{"name": "CUDA SDK", "version": "{release.cuda}"}}}}'
        tree.fixed(f"usr/local/cuda-{cuda}/version.json", text)
    (tree.folder / "usr/local/cuda").symlink_to(f"cuda-{cuda}")
    tree.fixed("var/lib/dpkg/status", "\n".join(_package(*row) for row in packages(release)))
    tree.fixed("sys/module/tegra_fuse/parameters/tegra_chip_id", int(facts.soc.removeprefix("tegra")[:2], 16))


def packages(release: Release) -> list[tuple[str, str]]:
    """Names and versions of what its JetPack installs."""
    cuda = ".".join(release.cuda.split(".")[:2])
    dashed, major = cuda.replace(".", "-"), release.tensorrt.split(".", 1)[0]
    cudnn = release.cudnn.split(".", 1)[0]
    name = f"libcudnn{cudnn}" if int(cudnn) < 9 else f"libcudnn{cudnn}-cuda-{cuda.split('.', 1)[0]}"
    return [
        ("nvidia-l4t-core", f"{release.l4t}-20221122092935"),
        ("nvidia-jetpack", f"{release.jetpack}-b17" if release.major < 36 else f"{release.jetpack}+b77"),
        ("tensorrt", f"{release.tensorrt}-1+cuda{cuda}"),
        (f"libnvinfer{major}", f"{release.tensorrt}-1+cuda{cuda}"),
        ("libnvinfer-bin", f"{release.tensorrt}-1+cuda{cuda}"),
        ("python3-libnvinfer", f"{release.tensorrt}-1+cuda{cuda}"),
        (f"cuda-toolkit-{dashed}", f"{release.cuda}-1"),
        (f"cuda-cudart-{dashed}", f"{release.cuda}-1"),
        (name, f"{release.cudnn}-1+cuda{cuda}"),
    ]


def _package(name: str, version: str) -> str:
    return f"Package: {name}\nStatus: install ok installed\nArchitecture: arm64\nVersion: {version}\n"


def _lay_pi(tree: Tree) -> None:
    tree.fixed("proc/sys/kernel/osrelease", "6.6.31+rpt-rpi-2712")
    _os_release(tree, "debian", "12", "Debian GNU/Linux")


def _os_release(tree: Tree, name: str, version: str, pretty: str) -> None:
    tree.fixed("etc/os-release", f'ID={name}\nVERSION_ID="{version}"\nPRETTY_NAME="{pretty} {version}"')


def _cpu_block(facts: BoardFacts, cpu: int) -> str:
    part = {"tegra210": "0xd07", "tegra194": "0x004", "tegra234": "0xd42", "tegra264": "0xd83", "bcm2711": "0xd08",
            "bcm2712": "0xd0b"}[facts.soc]  # fmt: skip
    return f"processor\t: {cpu}\nmodel name\t: ARMv8 Processor\nCPU implementer\t: 0x41\nCPU part\t: {part}\n"

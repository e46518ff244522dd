"""The doctor's questions to a Jetson: what it is, which runtimes reach its GPU, what takes root, how it is clocked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgebench.controller.finding import Finding
from edgebench.controller.recipes import jetpack_wheels
from edgebench.controller.runtimes import find_runtime, python_version
from edgebench.controller.session import DeviceSession
from edgebench.controller.sudoers import ask_privileges, refused
from edgebench.errors import DeviceUnfit

IMPORT_TIMEOUT_S = 150.0
GPU_PROVIDERS = ("CUDAExecutionProvider", "TensorrtExecutionProvider")


def is_jetson(facts: dict[str, Any]) -> bool:
    """Whether a device is a board of NVIDIA's, by its chip or its kernel."""
    board = facts.get("board") or {}
    return str(board.get("soc") or "").startswith("tegra") or bool(board.get("kernel_tegra"))


def board(session: DeviceSession) -> Iterator[Finding]:
    """What board this is, and its system's release."""
    if not is_jetson(session.facts):
        return
    found = session.facts["board"]
    gpu = session.facts.get("gpu") or {}
    parts = [found.get("model") or "no name", f"module {found.get('module') or 'unknown'}", found.get("soc") or "?"]
    if gpu.get("sm"):
        parts.append(f"{gpu['name']} (sm_{gpu['sm'].replace('.', '')})")
    todo = "" if found.get("module") else "its device tree names no module: the profile goes by its model and chip"
    yield Finding("board", "ok" if found.get("module") else "unknown", ", ".join(parts), todo)
    yield from _system(session.facts)


def _system(facts: dict[str, Any]) -> Iterator[Finding]:
    found, software = facts["board"], facts.get("software") or {}
    release = f"JetPack {found.get('jetpack') or 'unknown'} (L4T {found.get('l4t') or 'unknown'})"
    libraries = ", ".join(
        f"{title} {software[name]}" if software.get(name) else f"no {title}"
        for name, title in (("cuda", "CUDA"), ("cudnn", "cuDNN"), ("tensorrt", "TensorRT"))
    )
    known = found.get("l4t") is not None
    todo = "" if known else "no /etc/nv_tegra_release and no nvidia-l4t-core: the release is guessed from the kernel"
    yield Finding("jetpack", "ok" if known else "unknown", f"{release}; {libraries}", todo)


def tensorrt(session: DeviceSession) -> Finding | None:
    """TensorRT two ways: the Python module that this Python imports, and trtexec; None on other devices."""
    facts = session.facts
    tool = (facts.get("tools") or {}).get("trtexec")
    module = find_runtime(facts, "tensorrt")
    if not (is_jetson(facts) or tool or module):
        return None
    said, trouble = _import_tensorrt(session) if module else (None, None)
    python = ".".join(map(str, python_version(facts)))
    parts = [
        f"module {said} of Python {python}"
        if said
        else f"no module for Python {python}" + (f": {trouble}" if trouble else ""),
        str(tool) if tool else "no trtexec",
    ]
    if said or tool:
        todo = "" if said else "trtexec measures; for the module: `sudo apt-get install python3-libnvinfer` there"
        return Finding("tensorrt", "ok", "; ".join(parts), todo)
    todo = "on the board: `sudo apt-get install tensorrt` (JetPack's own packages)"
    if trouble is None and (facts.get("software") or {}).get("tensorrt"):
        todo = "its libraries are there: `sudo apt-get install python3-libnvinfer libnvinfer-bin` on the board"
    return Finding("tensorrt", "missing", "; ".join(parts), todo)


def _import_tensorrt(session: DeviceSession) -> tuple[str | None, str | None]:
    """Its version as it says when it is imported in a process of its own, or why it cannot be."""
    try:
        events = session.client.call("import", "--module", "tensorrt", timeout_s=IMPORT_TIMEOUT_S)
    except DeviceUnfit as error:
        return None, error.message.removeprefix(f"{session.entry.name}: ")
    return next((str(event.get("version")) for event in events if event["ev"] == "imported"), None), None


def gpu_providers(session: DeviceSession, providers: list[str] | None) -> Finding | None:
    """Whether ONNX Runtime reaches the GPU, and which wheel would; None on other devices.

    `providers` are those that the installed one has, None where none is installed.
    """
    if not is_jetson(session.facts):
        return None
    name = session.entry.name
    has = [one.removesuffix("ExecutionProvider") for one in providers or [] if one in GPU_PROVIDERS]
    if has:
        how = f"`--accelerator {','.join(one.lower() for one in has)}`; whether its libraries load shows there"
        return Finding("onnxruntime on the GPU", "ok", f"built with {', '.join(has)}", how)
    wheels = jetpack_wheels((session.facts.get("board") or {}).get("jetpack"))
    if wheels is None:
        return Finding("onnxruntime on the GPU", "unknown", "no wheel is known for an unknown JetPack")
    now = "it computes on the CPU" if providers else "none is installed"
    return Finding("onnxruntime on the GPU", "missing", f"{now}; {wheels.text}", wheels.todo(name))


def power_mode(session: DeviceSession) -> Iterator[Finding]:
    """The board's power mode."""
    if not is_jetson(session.facts):
        return
    mode = session.facts.get("power_mode")
    if mode:
        todo = "another: `--prepare power-mode=NAME`, and `clocks=max` holds its clocks"
        yield Finding("nvpmodel", "ok", f"{mode['name']} (id {mode['id']})", todo)
    elif (session.facts.get("tools") or {}).get("nvpmodel"):
        yield Finding("nvpmodel", "unknown", "nvpmodel does not tell it to this user", "see root below")
    else:
        yield Finding("nvpmodel", "unknown", "there is no nvpmodel: usual in a container")


def root(session: DeviceSession) -> Iterator[Finding]:
    """What takes root there, and whether it is given without a password."""
    needed = ask_privileges(session)
    if needed.is_root or not needed.commands:
        if needed.commands:
            yield Finding("root", "ok", "the agent is root there")
        return
    missing = refused(session, needed)
    if not missing:
        count = f"all {len(needed.commands)} commands" if len(needed.commands) > 1 else "the one command"
        yield Finding("root", "ok", f"sudo lets {needed.user} run {count} that it takes, without a password")
        return
    todo = f"`edgebench devices setup {session.entry.name} --sudoers` prints what would allow exactly those"
    yield Finding("root", "missing", f"sudo would ask {needed.user} for a password: {', '.join(missing)}", todo)

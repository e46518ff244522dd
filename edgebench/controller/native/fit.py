"""A row fitted to a device without Python: the tool that runs it, what it can do, and the tensors it is fed."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

from edgebench.artifacts.reading import READERS, read_info
from edgebench.artifacts.sniff import sniff
from edgebench.artifacts.tensor_spec import TensorSpec
from edgebench.backends.base import DeviceRuntime, TfliteStamp
from edgebench.backends.native.base import NativeTool, ToolAsk, ToolOnDevice, get_tool, tools_of
from edgebench.controller.native.readiness import pass_gate, preparation
from edgebench.controller.native.telemetry import plan_telemetry
from edgebench.controller.native.tools import FoundTool, find_delegate, find_tool
from edgebench.controller.rows import RowRequest
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import NativeUse, RawTensor, RunContext
from edgebench.controller.stamps import stamp_of
from edgebench.controller.view import View
from edgebench.errors import DeviceUnfit, RowFailure

HELP_TIMEOUT_S = 20.0
CANNOT_RUN, NOT_THERE = 126, 127
WRONG_ABI = ("not executable", "Exec format")
"""What shells say of a program for another processor."""

RAW_TYPES = frozenset(
    f"{kind}{bits}" for kind, sizes in {"float": (16, 32, 64), "int": (8, 16, 32, 64), "uint": (8, 16, 32, 64)}.items()
    for bits in sizes
) | {"bool"}  # fmt: skip
"""Types whose values a tool can be given and give back as plain bytes."""

DELEGATES = {"qnn": "libQnnTFLiteDelegate.so", "neuron": "libneuron_delegate.so"}
"""A vendor's library by accelerator, where `--option delegate=NAME` names none."""

EXTERNAL = (*DELEGATES, "external")


def fit_native(device: DeviceSession, request: RowRequest, view: View) -> tuple[DeviceRuntime, NativeUse, list[str]]:
    """The tool that runs this request there, pushed if need be and asked what it can do.

    Raises `RowFailure` (`tool-missing`, `tool-wrong-abi`, `permission`, `shape-mismatch`), `DeviceLost`.
    """
    name = device.entry.name
    tool = _tool(request)
    if request.ask.states:
        raise RowFailure("bad-input", f"{tool.name} does not carry states from one inference to the next")
    found = find_tool(device.facts, tool.name, device.entry.name)
    view.phase(name, "preflight", f"{request.label}: {tool.name}")
    path = _brought(device, found, view)
    flags = _flags(device, tool, path)
    inputs, outputs = raw_tensors(request.model_path, request.ask.shapes)
    plan = plan_telemetry(device, request.settings)
    unpinned = preparation(device, request.prepare).unpinned
    use = NativeUse(
        tool=tool.name,
        path=path,
        version=found.version,
        flags=sorted(flags),
        has_flex=bool(found.has_flex),
        delegate=_delegate(device, request, view),
        inputs=inputs,
        outputs=outputs,
        unpinned=unpinned,
        gate=pass_gate(device, request, view),
        layout=plan.layout,
        gauge=asdict(device.gauge) if device.gauge else None,
    )
    return DeviceRuntime(found.version or "", None, ()), use, _preflight(request, found)


def _preflight(request: RowRequest, found: FoundTool) -> list[str]:
    """Refuse what this tool is known to lack; what a precision can be, its own arguments say."""
    if sniff(request.model_path) not in READERS:
        return []
    stamp = stamp_of(request.model_path)
    if isinstance(stamp, TfliteStamp) and stamp.flex and found.has_flex is False:
        raise RowFailure(
            "unsupported-op",
            f"{request.model_path.name} needs operators of TensorFlow ({', '.join(stamp.flex)}); this {found.name} "
            "has no Flex delegate",
            hint="convert it without SELECT_TF_OPS, or `edgebench tools add` one that has it",
        )
    return []


def tool_on_device(use: NativeUse) -> ToolOnDevice:
    """The tool of a run, as its backend takes it."""
    return ToolOnDevice(use.tool, use.path, use.version, frozenset(use.flags), use.has_flex)


def tool_ask(context: RunContext, home: str) -> ToolAsk:
    """What a run asks of its tool; `home` is edgebench's folder on the device."""
    use = context.native
    if use is None:
        raise ValueError("not a run of a native tool")
    ask = context.ask
    artifact = f"{home}/artifacts/{context.facts.sha256}/model.{context.facts.format}"
    own = [part for part in (context.facts.precision.compute, context.facts.precision.weights) if part]
    return ToolAsk(
        model=artifact,
        accelerator=ask.accelerator,
        threads=ask.threads,
        precision=ask.precision,
        shapes={one.name: tuple(one.dims) for one in use.inputs},
        options={key: value for key, value in ask.options.items() if key != "delegate"},
        inputs={one.name: f"{home}/{one.path}" for one in use.inputs if one.path},
        delegate=use.delegate,
        own=tuple(own),
    )


def raw_tensors(model: Path, shapes: dict[str, list[int]]) -> tuple[list[RawTensor], list[RawTensor]]:
    """Inputs and outputs of a model as raw tensors; no outputs where their shapes are not known on the host.

    Raises `ModelError`, and `RowFailure` (`shape-mismatch`) for an input whose shape stays open.
    """
    if sniff(model) not in READERS:
        return [RawTensor(name=name, dtype="float32", dims=dims) for name, dims in shapes.items()], []
    info = read_info(model)
    inputs = [_raw(spec, shapes.get(spec.name)) for spec in info.inputs]
    for spec, found in zip(info.inputs, inputs, strict=True):
        if found is None:
            hint = f"`--shape {spec.name}=1x...`"
            raise RowFailure("shape-mismatch", f"{model.name}: input {spec.name} has no fixed shape", hint=hint)
    as_declared = all(
        found is not None and found.dims == list(spec.dims or ())
        for spec, found in zip(info.inputs, inputs, strict=True)
    )
    outputs = [_raw(spec, None) for spec in info.outputs] if as_declared else []
    known = [one for one in outputs if one is not None]
    return [one for one in inputs if one is not None], known if len(known) == len(info.outputs) else []


def _raw(spec: TensorSpec, given: list[int] | None) -> RawTensor | None:
    if spec.dims is None or spec.dtype not in RAW_TYPES:
        return None
    dims = given if given is not None else [dim for dim in spec.dims if isinstance(dim, int) and dim >= 0]
    if len(dims) != len(spec.dims):
        return None
    return RawTensor(name=spec.name, dtype=spec.dtype, dims=list(dims))


def _tool(request: RowRequest) -> NativeTool:
    names = tools_of(request.ask.backend)
    if not names:
        raise RowFailure("runtime-missing", f"no tool runs {request.ask.backend} on a device without Python")
    tool = get_tool(names[0])
    if request.ask.accelerator not in tool.accelerators:
        known = ", ".join(tool.accelerators)
        raise RowFailure("delegate-failed", f"{tool.name} has no accelerator {request.ask.accelerator}; it has {known}")
    return tool


def _delegate(device: DeviceSession, request: RowRequest, view: View) -> str | None:
    """The path there of the vendor's library that the accelerator is; None for those that a tool has itself."""
    asked = request.ask.accelerator
    if asked not in EXTERNAL:
        return None
    library = request.ask.options.get("delegate") or DELEGATES.get(asked)
    if library is None:
        raise RowFailure("bad-input", "which delegate?", hint="name it as you added it: `--option delegate=libNAME.so`")
    return _brought(device, find_delegate(device.facts, library, device.entry.name), view)


def _brought(device: DeviceSession, found: FoundTool, view: View) -> str:
    """The file's path on the device; pushed where it lies on this host, and what must lie beside it too."""
    if found.host is None:
        return found.path
    folder = f"{device.client.home}/tools/{found.sha256}"
    name = device.entry.name
    try:
        device.client.make_folder(f"tools/{found.sha256}")
        for file, host in ((found.name, found.host), *found.beside):
            device.transport.push(host, f"{folder}/{file}", mode=0o700, progress=partial(view.transfer, name, file))
    except DeviceUnfit as unfit:
        raise RowFailure(unfit.code, unfit.message, hint=unfit.hint) from unfit
    except OSError as error:
        raise RowFailure("tool-missing", f"{found.name} cannot be read here: {error}") from error
    return f"{folder}/{found.name}"


def _flags(device: DeviceSession, tool: NativeTool, path: str) -> frozenset[str]:
    """What its help names; it also shows whether the tool starts at all."""
    known = device.tool_flags.get(path)
    if known is not None:
        return known
    done = device.transport.exec([path, "--help"], timeout_s=HELP_TIMEOUT_S)
    text = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
    said = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    # Android's shell (mksh) ends with status 1, not 126, at a program for another processor
    wrong = done.returncode != 0 and any(words in text for words in WRONG_ABI)
    if wrong or done.returncode == CANNOT_RUN:
        code = "tool-wrong-abi" if wrong else "permission"
        hint = "`edgebench tools list` shows each tool's ABI" if wrong else "its folder may be mounted noexec"
        raise RowFailure(code, f"{device.entry.name}: {tool.name} does not start there: {said}", hint=hint)
    if done.returncode == NOT_THERE:
        raise RowFailure("tool-missing", f"{device.entry.name}: {path} is gone: {said}")
    device.tool_flags[path] = tool.flags(text)
    return device.tool_flags[path]

"""Layers as TensorRT built them: in what precision each really runs, what is copying, which nodes it came from. Pure.

The two ways share it: IEngineInspector gives the Python module the same JSON that trtexec exports. Without detailed
verbosity a layer is its name alone; then nothing is said of its precision. A reformat that a Concat left is a copy.
Sources: TensorRT's developer guide, "Engine Inspector"; trt-engine-explorer of NVIDIA/TensorRT (names of formats).
"""

import re

FORMATS = (
    ("int8", re.compile(r"\bint8\b", re.IGNORECASE)),
    ("int4", re.compile(r"\bint4\b", re.IGNORECASE)),
    ("fp8", re.compile(r"\bfp8\b", re.IGNORECASE)),
    ("bf16", re.compile(r"\b(bf16|bfloat16)\b", re.IGNORECASE)),
    ("fp16", re.compile(r"\b(fp16|half|float16)\b", re.IGNORECASE)),
    ("fp32", re.compile(r"\b(fp32|float|float32)\b", re.IGNORECASE)),
    ("int32", re.compile(r"\bint32\b", re.IGNORECASE)),
    ("int64", re.compile(r"\bint64\b", re.IGNORECASE)),
    ("bool", re.compile(r"\bbool\b", re.IGNORECASE)),
)
"""Words of "Format/Datatype", as "Thirty-two wide channel vectorized row major Int8 format" or "Half"."""

NARROW = ("int4", "fp8", "int8", "bf16", "fp16")
TF32 = re.compile(r"tf32", re.IGNORECASE)
REFORMAT = re.compile(r"^Reformatting CopyNode|reformat", re.IGNORECASE)
COPY = re.compile(r" copy$|^(memcpy|memset)\b", re.IGNORECASE)
DLA = re.compile(r"^\{ForeignNode\[.*\}$|\bDLA\b", re.IGNORECASE)
ONNX_LAYER = re.compile(r"\[ONNX Layer: ([^\]\x1e\x1f]+)\]")
UNNAMED = re.compile(r"^\(Unnamed Layer\* \d+\)")


def precision_of(layer):
    """Return the precision that a layer (dict) computes in, None where it does not say.

    The weights' type is what the kernel multiplies; without weights the narrowest floating or 8-bit type that goes in.
    """
    weights = layer.get("Weights")
    told = _format(weights.get("Type")) if isinstance(weights, dict) else None
    kernel = str(layer.get("TacticName") or "")
    if told is None:
        entering = [_format(one.get("Format/Datatype")) for one in _tensors(layer, "Inputs")]
        told = next((name for name in NARROW if name in entering), None)
        told = told or next((name for name in entering if name), None)
    if told is None:
        told = next((_format(one.get("Format/Datatype")) for one in _tensors(layer, "Outputs")), None)
    return "tf32" if told == "fp32" and TF32.search(kernel) else told


def _tensors(layer, key):
    told = layer.get(key)
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _format(text):
    for name, pattern in FORMATS:
        if isinstance(text, str) and pattern.search(text):
            return name
    return None


def kind_of(name, layer_type):
    """Return "reformat", "copy" or "compute" for a layer."""
    if (layer_type or "").lower() == "reformat" or REFORMAT.search(name if layer_type is None else layer_type):
        return "reformat"
    copies = (layer_type or "").lower() in ("copy", "memcpy", "nocopy", "h2dcopy", "d2hcopy", "shapehosttodevice")
    return "copy" if copies or (layer_type is None and COPY.search(name)) else "compute"


def nodes_of(name, metadata):
    """Return the original nodes' names that a layer holds: its metadata's, else the parts of its name."""
    told = ONNX_LAYER.findall(metadata or "")
    if told:
        return list(dict.fromkeys(part.strip() for part in told))
    inner = re.match(r"^\{ForeignNode\[(.*)\]\}$", name)
    if inner:
        return [part for part in inner.group(1).split("...") if part]
    parts = [re.sub(r"^(PWN|fused)\((.*)\)$", r"\2", part.strip()) for part in re.split(r" \+ | \|\| ", name)]
    return [part for part in parts if part and not UNNAMED.match(part)]


def described(layers, times=None, core=None):
    """Return (fields of the `layers` event, {accelerator: nodes} of `placement`).

    `layers` as the inspector gives them (text or dict); `times`: {name: ms of one inference} where a profile was taken;
    `core`: the DLA core that was asked for, None for the GPU.
    """
    times = times or {}
    told, placed = [], {}
    for one in layers:
        layer = one if isinstance(one, dict) else {"Name": str(one)}
        name, kind = str(layer.get("Name") or ""), layer.get("LayerType")
        kind = kind if isinstance(kind, str) else None
        what = kind_of(name, kind)
        what = "copy" if what == "reformat" and layer.get("Origin") == "CONCAT" else what
        ops = nodes_of(name, str(layer.get("Metadata") or "")) if what == "compute" else []
        precision = precision_of(layer) if what == "compute" else None
        told.append({"name": name, "type": kind or what, "precision": precision, "ms": times.get(name), "ops": ops,
                     "kind": what})  # fmt: skip
        if what == "compute":
            placed.setdefault(_where(name, kind, core), []).extend(ops or [name])
    event = {"layers": [{key: layer[key] for key in layer if key != "kind"} for layer in told]}
    for what in ("reformat", "copy"):
        event[what] = _part(told, what)
    return event, placed


def _where(name, kind, core):
    if core is not None and ((kind or "").lower() == "dla" or (kind is None and DLA.search(name))):
        return "dla%d" % core
    return "cuda"


def _part(told, what):
    """Return {"count", "share"} of the layers of one kind; the share is of the time, None without a profile."""
    timed = [layer["ms"] for layer in told if layer["ms"] is not None]
    mine = [layer for layer in told if layer["kind"] == what]
    total = sum(timed)
    share = sum(layer["ms"] or 0.0 for layer in mine) / total if total else None
    return {"count": len(mine), "share": share}

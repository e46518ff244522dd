"""Command lines of trtexec: what its own help lists decides, for flags come and go with releases. Pure.

`--workspace` until 8.3, `--memPoolSize` since 8.4; `--buildOnly` until 8.5, `--skipInference` since; `--explicitBatch`
until 9; `--noDataTransfers` and CUDA graphs on request until 10, and the other way round since 11. An unknown option
ends trtexec, so none is given that its help does not list.
"""

import math
import re

from ..failures import Failure

FLAG = re.compile(r"(?<![\w-])--([A-Za-z][A-Za-z0-9]*)")
OLD_WORKSPACE_MIB = 256
"""What a builder before 8.4 gets where nobody says: its own default of 16 MiB leaves the good kernels out."""

QUIET_RUNS = 100000
"""Averages over so many inferences: trtexec prints a line for each ten otherwise."""


def flags_of(help_text):
    """Return the set of options that a help text lists, without their dashes."""
    return frozenset(FLAG.findall(help_text))


def shape_text(dims):
    """Return dimensions as trtexec takes them: 1x3x224x224."""
    return "x".join(str(int(dim)) for dim in dims)


def quoted(name):
    """Return a tensor's name as trtexec takes it in `name:value` lists. Raises Failure bad-input where it cannot."""
    if "," in name or "'" in name:
        raise Failure("bad-input", "trtexec cannot be told of an input called %r: it splits at , and '" % name, "input")
    return "'%s'" % name if ":" in name else name


def shape_list(shapes):
    """Return {name: dims} as `--shapes` takes it, in the order of names."""
    return ",".join("%s:%s" % (quoted(name), shape_text(dims)) for name, dims in sorted(shapes.items()))


def build(path, part, engine, known):
    """Return the arguments that build `path` (.onnx) into the file `part`.

    `engine` as in a variant (flags, profile, calibration), `known` of `flags_of`. Raises Failure.
    """
    flags = engine.get("flags") or {}
    if engine.get("calibration"):
        raise Failure("bad-input", "trtexec cannot calibrate with files; the Python module of TensorRT can", "build")
    argv = ["--onnx=" + path, "--saveEngine=" + part]
    argv += _profile(engine.get("profile") or {})
    argv += _precision(flags, known) + _workspace(flags.get("workspace_mib"), known) + device(flags, known, True)
    argv += [flag for flag in ("--explicitBatch",) if flag[2:] in known]
    if "profilingVerbosity" in known:
        argv.append("--profilingVerbosity=detailed")
    elif "nvtxMode" in known:
        argv.append("--nvtxMode=verbose")
    only = next((name for name in ("skipInference", "buildOnly") if name in known), None)
    return argv + (["--" + only] if only else ["--iterations=1", "--duration=0", "--warmUp=0"])


def _profile(profile):
    argv = []
    for kind in ("min", "opt", "max"):
        if profile:
            argv.append("--%sShapes=%s" % (kind, shape_list({name: one[kind] for name, one in profile.items()})))
    return argv


def _precision(flags, known):
    argv = []
    for name in ("fp16", "int8"):
        if flags.get(name) and name not in known:
            message = "this trtexec has no --%s: it takes the precisions that the file itself says" % name
            raise Failure("unsupported-precision", message, "build")
        argv += ["--" + name] if flags.get(name) else []
    return argv + (["--noTF32"] if flags.get("tf32") is False and "noTF32" in known else [])


def _workspace(mib, known):
    if "memPoolSize" in known:
        return ["--memPoolSize=workspace:%d" % mib] if mib else []
    return ["--workspace=%d" % (mib or OLD_WORKSPACE_MIB)] if "workspace" in known else []


def workspace_of(flags, known):
    """Return the MiB of workspace that a build is given, None where it is TensorRT's own default."""
    mib = (flags or {}).get("workspace_mib")
    return mib if mib or "memPoolSize" in known or "workspace" not in known else OLD_WORKSPACE_MIB


def device(flags, known, building=False):
    """Return the arguments that choose a DLA core; what it does not take falls back to the GPU, which is told."""
    core = (flags or {}).get("dla")
    if core is None:
        return []
    if "useDLACore" not in known:
        raise Failure("delegate-failed", "this trtexec knows no DLA", "load")
    return ["--useDLACore=%d" % core] + (["--allowGPUFallback"] if building else [])


def run(engine_path, shapes, inputs, limits, known, flags=None):
    """Return the arguments that load an engine and run it, one inference after the other, copies included.

    `shapes`: {name: dims} of free dimensions, {} for none; `inputs`: {name: raw file} beside the working directory;
    `limits`: (seconds, iterations), both of which must be reached. Without warm-up: every inference is exported.
    """
    for needed in ("loadEngine", "exposeDMA", "iterations", "duration", "warmUp"):
        if needed not in known:
            raise Failure("unparsed-output", "this trtexec's help lists no --%s" % needed, "load")
    seconds, iterations = limits
    argv = ["--loadEngine=" + engine_path, "--exposeDMA", "--warmUp=0"]
    argv += ["--iterations=%d" % max(1, iterations), "--duration=%d" % math.ceil(seconds)]
    argv += ["--avgRuns=%d" % QUIET_RUNS] if "avgRuns" in known else []
    argv += ["--" + name for name in ("includeDataTransfers", "noCudaGraph") if name in known]
    argv += ["--shapes=" + shape_list(shapes)] if shapes else []
    if inputs:
        argv.append("--loadInputs=" + ",".join("%s:%s" % (quoted(name), file) for name, file in inputs.items()))
    return argv + device(flags, known)


def exports(known, **files):
    """Return the arguments that write files, as in `exports(known, exportTimes="times.json")`, unlisted ones not."""
    return ["--%s=%s" % (name, file) for name, file in sorted(files.items()) if file and name in known]

"""The real ONNX Runtime, with faults on demand: put where a device's runtimes are, it crashes as a native one would.

`--option session.fault=KIND@WHERE` with WHERE `load` or `run` (from the third inference on), and KIND one of
`segfault`, `abort`, `hang`, `memory` (allocates until MemoryError under its own limit), `eat` (fills up to 1 GiB, for a
control group to be killed in), `kill` (SIGKILL, as the kernel's out-of-memory killer does), `error` (an exception with
a native message), `exit` (ends without a word), `wrong` (other values, in every inference), `nan` (no number in any
output), `noise` (prints much, among it frames of another nonce and half of one). `KIND@WHERE#N`: only in the N-th
process of the job (the fidelity pass is the first). `refuse@OP` and `twist@OP`: only models with such a node are
refused, as one whose operator is not implemented, or give other values.
"""

import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import threading
from pathlib import Path


def _real():
    """The onnxruntime of the interpreter, past this one."""
    here = Path(__file__).resolve().parent.parent
    path = [entry for entry in sys.path if Path(entry).resolve() != here]
    spec = importlib.machinery.PathFinder.find_spec("onnxruntime", path)
    sys.path[:] = path
    module = importlib.util.module_from_spec(spec)
    sys.modules["onnxruntime"] = module
    spec.loader.exec_module(module)
    return module


_ort = _real()
globals().update({name: value for name, value in vars(_ort).items() if not name.startswith("__")})
_faults = {}


def _hoard():
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    hoard = []
    while True:
        hoard.append(bytearray(64 << 20))


def _eat():
    hoard = [b"x" * (16 << 20) for _ in range(64)]
    raise RuntimeError(f"nobody minded {len(hoard)} pieces of memory")


def _fail():
    raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : made to fail")


def _noise():
    for line in range(300):
        print(f'EB1 0123456789abcdef {line} 00000000 {{"ev":"end","code":null}}')
        print("[W:onnxruntime] \x00\xff chatter \u00e9 " + "x" * 80, file=sys.stderr)
    os.write(1, b"EB1 0123456789abcdef 7 ")


_STRIKES = {
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(7),
    "hang": lambda: threading.Event().wait(),
    "memory": _hoard,
    "eat": _eat,
    "error": _fail,
    "noise": _noise,
}


def _strike(kind):
    _STRIKES.get(kind, lambda: None)()


def _process_number():
    """This process's number among those of the job, whose folder is the working directory."""
    counter = os.open("processes-counted", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(counter, b".")
    number = os.fstat(counter).st_size
    os.close(counter)
    return number


class SessionOptions(_ort.SessionOptions):
    def add_session_config_entry(self, key, value):
        if key != "session.fault":
            super().add_session_config_entry(key, value)
        elif not _faults:
            kind, _, where = value.partition("@")
            where, _, number = where.partition("#")
            if not number or int(number) == _process_number():
                _faults.update(kind=kind, where=where)
            else:
                _faults["kind"] = None


def _holds(model, op_type):
    import onnx

    return any(node.op_type == op_type for node in onnx.load(model).graph.node)


class InferenceSession(_ort.InferenceSession):
    def __init__(self, *args, **kwargs):
        self._twists = _faults.get("kind") == "twist" and _holds(args[0], _faults["where"])
        if _faults.get("kind") == "refuse" and _holds(args[0], _faults["where"]):
            raise RuntimeError("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation")
        if _faults.get("where") == "load":
            _strike(_faults["kind"])
        super().__init__(*args, **kwargs)
        self._runs = 0

    def run(self, *args, **kwargs):
        self._runs += 1
        if _faults.get("where") == "run" and self._runs > 2:
            _strike(_faults["kind"])
        outputs = super().run(*args, **kwargs)
        if _faults.get("kind") == "wrong" or self._twists:
            return [output[..., ::-1].copy() for output in outputs]
        if _faults.get("kind") == "nan":
            return [output * float("nan") for output in outputs]
        return outputs


_ort.SessionOptions = SessionOptions
_ort.InferenceSession = InferenceSession

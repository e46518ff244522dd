"""Runs the real child process of the agent, as its supervisor does, for the tests."""

import importlib
import json
import os
import shutil
import subprocess
import tempfile

from load import command, environment, module

protocol = module("protocol")
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
NONCE = "feed5eed"
GO = {
    "invocation": {"min_time_s": 0, "min_iterations": 5, "max_iterations": None},
    "soak": {"seconds": 0.05, "idle_s": 0},
    "paced": {"seconds": 0.1, "fps": 100, "idle_s": 0},
    "memory": {"iterations": 3},
    "fidelity": {},
}


def have(*names):
    """Tell whether all modules can be imported."""
    try:
        for name in names:
            importlib.import_module(name)
    except ImportError:
        return False
    return True


class Child(object):
    """A started child: `events()` waits for its end; `go` and `close` write to its stdin."""

    def __init__(self, home, name, variant, step=None, root="/"):
        self.home = home
        self.jobdir = os.path.join(home, "jobs", "j")
        if not os.path.isdir(self.jobdir):
            os.makedirs(self.jobdir)
        self._read, write = os.pipe()
        config = {
            "pass": name,
            "index": 0,
            "variant": variant,
            "step": dict({"pass": name}, **(step or {})),
            "home": home,
            "jobdir": self.jobdir,
            "root": root,
            "fd": write,
            "nonce": NONCE,
        }
        path = os.path.join(self.jobdir, "step-0.json")
        with open(path, "w") as file:
            json.dump(config, file)
        with open(os.path.join(self.jobdir, "log.txt"), "ab") as log:
            self.process = subprocess.Popen(
                command() + ["child", path],
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[write],
            )
        os.close(write)
        self._reader = protocol.FrameReader(NONCE)

    def until(self, name):
        """Return the events up to and with the first called `name` (or all there are)."""
        seen = []
        while not any(event["ev"] == name for event in seen):
            data = os.read(self._read, 1 << 16)
            if not data:
                break
            seen.extend(self._reader.feed(data))
        return seen

    def go(self, **orders):
        """Let the child go on."""
        self.process.stdin.write(json.dumps({"go": orders}).encode("utf-8") + b"\n")
        self.process.stdin.flush()

    def end(self):
        """Return the remaining events and wait for the exit."""
        seen = self.until(None)
        self.process.stdin.close()
        self.process.wait()
        os.close(self._read)
        assert self._reader.damaged == 0, "damaged frames"
        return seen

    def log(self):
        """Return what the child wrote to its log."""
        with open(os.path.join(self.jobdir, "log.txt")) as log:
            return log.read()


class Home(object):
    """A device home in a temporary folder with the test models in it; a context."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="edgebench-child-")
        for name in os.listdir(DATA):
            if name.endswith((".onnx", ".tflite")):
                shutil.copy(os.path.join(DATA, name), self.path)

    def remove(self):
        """Remove the folder."""
        shutil.rmtree(self.path)

    def variant(self, model, **more):
        """Return a variant of a test model on one thread of the CPU."""
        made = {
            "backend": "onnxruntime",
            "model": model if "." in model else model + ".onnx",
            "accelerator": "cpu",
            "threads": 1,
            "batch": 1,
            "shapes": {},
            "input": {"seed": 7, "range": None, "files": []},
            "states": {},
            "options": {},
            "runtime_path": None,
            "env": {},
        }
        made.update(more)
        return made

    def run(self, name, model, step=None, go=None, **more):
        """Run one step to its end; return (exit status, events)."""
        child = Child(self.path, name, self.variant(model, **more), step)
        events = child.until("ready")
        if events and events[-1]["ev"] == "ready":
            child.go(**dict(GO[name], **(go or {})))
        events += child.end()
        return child.process.returncode, events


def only(events, name):
    """Return the events called `name`."""
    return [event for event in events if event["ev"] == name]

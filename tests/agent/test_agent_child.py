"""The child as a real process: its handshake, its failures, and that it never outlives its supervisor."""

import os
import signal
import subprocess
import sys
import time
import unittest

from child_harness import NONCE, Child, Home, command, environment

STUB = """
import os, sys

class SessionOptions(object):
    def add_session_config_entry(self, key, value): pass

class GraphOptimizationLevel(object):
    ORT_ENABLE_ALL = 99

__version__ = "0.0-stub"

def get_available_providers():
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]

class InferenceSession(object):
    def __init__(self, path, options, providers, provider_options, enable_fallback):
        sys.stderr.write("2026 [W:onnxruntime] Failed to create CUDAExecutionProvider. Require cuDNN 9.*\\n")
        sys.stderr.flush()
        if os.environ.get("STUB_CRASH"):
            os.abort()
    def disable_fallback(self): pass
    def get_providers(self):
        return ["CPUExecutionProvider"]
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def runtime(self, source):
        """Write a stand-in for the runtime into the home; return the variant's runtime_path."""
        folder = os.path.join(self.home.path, "runtimes", "stub")
        os.makedirs(folder)
        with open(os.path.join(folder, "onnxruntime.py"), "w") as file:
            file.write(source)
        return os.path.join("runtimes", "stub")

    def error(self, model="affine", name="invocation", **more):
        """Return (code, stage, message) of the error that a step ends with."""
        status, events = self.home.run(name, model, **more)
        self.assertEqual((status, events[-1]["ev"]), (1, "error"))
        return tuple(events[-1][key] for key in ("code", "stage", "message"))


class FailureTest(Case):
    def test_a_backend_without_runner(self):
        code, stage, message = self.error(backend="ncnn")
        self.assertEqual((code, stage), ("runtime-missing", "import"))
        self.assertIn("no runner for ncnn; it has onnxruntime", message)

    def test_a_pass_that_does_not_exist(self):
        code, _, message = self.error(name="sprint")
        self.assertEqual(code, "internal")
        self.assertIn("sprint", message)

    def test_a_runtime_that_cannot_be_imported(self):
        path = self.runtime("raise ImportError('libcudart.so.11: cannot open shared object file')")
        self.assertEqual(
            self.error(runtime_path=path),
            ("runtime-missing", "import", "libcudart.so.11: cannot open shared object file"),
        )

    def test_a_module_of_that_name_that_is_no_runtime(self):
        code, _, message = self.error(runtime_path=self.runtime(""))
        self.assertEqual(code, "runtime-missing")
        self.assertIn("no InferenceSession", message)

    def test_the_variants_environment_is_there_when_the_runtime_is_imported(self):
        path = self.runtime("import os\nraise ImportError(os.environ['OPENBLAS_CORETYPE'])")
        self.assertEqual(self.error(runtime_path=path, env={"OPENBLAS_CORETYPE": "ARMV8"})[2], "ARMV8")

    def test_an_accelerator_dropped_in_silence_fails_with_the_runtimes_own_line(self):
        code, stage, message = self.error(runtime_path=self.runtime(STUB), accelerator="cuda")
        self.assertEqual((code, stage), ("delegate-failed", "load"))
        self.assertIn("Require cuDNN 9", message)

    def test_an_accelerator_that_the_build_lacks(self):
        code, _, message = self.error(runtime_path=self.runtime(STUB), accelerator="qnn")
        self.assertEqual(code, "delegate-failed")
        self.assertIn("no QNNExecutionProvider; it has CUDAExecutionProvider, CPUExecutionProvider", message)

    def test_an_accelerator_nobody_knows(self):
        code, _, message = self.error(runtime_path=self.runtime(STUB), accelerator="abacus")
        self.assertEqual(code, "delegate-failed")
        self.assertIn("abacus", message)

    def test_options_that_cannot_be(self):
        path = self.runtime(STUB)
        code, _, message = self.error(runtime_path=path, options={"optimization": "most"})
        self.assertEqual(code, "load-failed")
        self.assertIn("known: all, basic, disable, extended", message)
        code, _, message = self.error(runtime_path=path, options={"trt_fp16_enable": "1"})
        self.assertEqual(code, "load-failed")
        self.assertIn("trt_fp16_enable", message)

    def test_a_native_crash_is_a_signal_with_a_python_trace_in_the_log(self):
        variant = self.home.variant("affine", runtime_path=self.runtime(STUB), env={"STUB_CRASH": "1"})
        child = Child(self.home.path, "invocation", variant)
        child.end()
        self.assertEqual(child.process.returncode, -signal.SIGABRT)
        self.assertIn("Fatal Python error", child.log())
        self.assertIn("onnxruntime.py", child.log())


STANDING_PARENT = """
import json, os, subprocess, sys
config = json.load(open(sys.argv[1]))
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, pass_fds=[config["fd"]])
print(child.pid, flush=True)
child.wait()
"""
SLOW_IMPORT = "import sys, os\nos.write(%d, b'importing')\nimport signal\nsignal.pause()"


@unittest.skipUnless(sys.platform.startswith("linux"), "the death of a parent is told by Linux alone")
class OrphanTest(Case):
    def test_it_dies_with_its_supervisor_even_inside_the_runtime(self):
        """The stand-in runtime holds for ever; its pipe reaches its end only once every holder is dead."""
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        path = self.runtime(SLOW_IMPORT % write)
        step = os.path.join(self.home.path, "step-0.json")
        self.write_step(step, write, self.home.variant("affine", runtime_path=path))
        parent = subprocess.Popen(
            [sys.executable, "-c", STANDING_PARENT, step] + command() + ["child", step],
            stdout=subprocess.PIPE,
            env=environment(),
            pass_fds=[write],
        )
        os.close(write)
        self.addCleanup(parent.stdout.close)
        pid = int(parent.stdout.readline())
        seen = b""
        while b"importing" not in seen:
            seen += os.read(read, 1 << 16)
        parent.kill()
        parent.wait()
        begun = time.time()
        while os.read(read, 1 << 16):
            pass
        self.assertLess(time.time() - begun, 30)
        self.assertFalse(os.path.exists("/proc/%d/fd/0" % pid))

    def write_step(self, path, fd, variant):
        """Write a step file."""
        import json

        config = {"pass": "invocation", "index": 0, "step": {}, "variant": variant, "fd": fd, "nonce": NONCE}
        config.update(home=self.home.path, jobdir=self.home.path)
        with open(path, "w") as file:
            json.dump(config, file)


if __name__ == "__main__":
    unittest.main()

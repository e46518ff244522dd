"""What runtimes really say, and the code that it gets."""

import errno
import unittest

from child_harness import module

failures = module("failures")

SAID = [
    ("load", "unsupported-op", "Fatal error: com.example:Mystery(-1) is not a registered function/op"),
    ("load", "unsupported-op", "NOT_IMPLEMENTED : Could not find an implementation for Conv(22)"),
    ("load", "load-failed", "Unsupported model IR version: 10, max supported IR version: 8"),
    ("load", "load-failed", "ONNX Runtime only guarantees support for models stamped with official released opset"),
    ("load", "load-failed", "INVALID_PROTOBUF : Load model from m.onnx failed:Protobuf parsing failed."),
    ("load", "load-failed", "Load model from photo_float16_int4.onnx failed: not a model, options not supported"),
    ("load", "unsupported-precision", "Type 'tensor(bfloat16)' of input parameter (x) of operator (Conv) is invalid"),
    ("load", "oom", "bfc_arena.cc:360 Failed to allocate memory for requested buffer of size 4398046511104"),
    ("run", "oom", "CUDA failure 2: out of memory"),
    ("first", "oom", "std::bad_alloc"),
    ("first", "shape-mismatch", "INVALID_ARGUMENT : Got invalid dimensions for input: x for the following indices"),
    ("first", "shape-mismatch", "Add node. Attempting to broadcast an axis by a dimension other than 1. 3 by 4"),
    ("first", "bad-input", "INVALID_ARGUMENT : Unexpected input data type. Actual: (tensor(double))"),
    ("run", "bad-input", "INVALID_ARGUMENT : Gather node. indices element out of data bounds, idx=7"),
    ("run", "crashed", "Non-zero status code returned while running Conv node. CUDNN error executing"),
]


class ClassifyTest(unittest.TestCase):
    def test_what_runtimes_say(self):
        for stage, code, text in SAID:
            with self.subTest(text=text):
                self.assertEqual(failures.classify(RuntimeError(text), stage), code)

    def test_python_memory_and_disk(self):
        self.assertEqual(failures.classify(MemoryError(), "run"), "oom")
        self.assertEqual(failures.classify(OSError(errno.ENOMEM, "no"), "input"), "oom")
        self.assertEqual(failures.classify(OSError(errno.ENOSPC, "no"), "outputs"), "disk-full")

    def test_import_stage_is_a_missing_runtime_whatever_it_raised(self):
        self.assertEqual(failures.classify(ImportError("no"), "import"), "runtime-missing")
        self.assertEqual(failures.classify(AttributeError("no"), "import"), "runtime-missing")

    def test_our_own_bugs_are_internal_in_every_stage(self):
        for stage in ("load", "first", "run", "anything"):
            self.assertEqual(failures.classify(TypeError("no"), stage), "internal")
        self.assertEqual(failures.classify(RuntimeError("no"), "anything"), "internal")


class StageTest(unittest.TestCase):
    def test_what_is_raised_becomes_a_failure_with_one_line(self):
        with self.assertRaises(failures.Failure) as caught, failures.Stage("load"):
            raise RuntimeError("\n  first words \nsecond")
        failure = caught.exception
        self.assertEqual((failure.code, failure.stage, failure.message), ("load-failed", "load", "first words"))

    def test_an_exception_without_words_is_named(self):
        self.assertEqual(failures.first_line(MemoryError()), "MemoryError")

    def test_failures_and_broken_pipes_pass(self):
        inner = failures.Failure("oom", "x", "run")
        with self.assertRaises(failures.Failure) as caught, failures.Stage("load"):
            raise inner
        self.assertIs(caught.exception, inner)
        with self.assertRaises(BrokenPipeError), failures.Stage("run"):
            raise BrokenPipeError()

    def test_an_interrupt_is_no_failure(self):
        with self.assertRaises(KeyboardInterrupt), failures.Stage("run"):
            raise KeyboardInterrupt()


if __name__ == "__main__":
    unittest.main()

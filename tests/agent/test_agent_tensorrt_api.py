"""The fake TensorRT is held against what the real modules showed, and our use of the API against both."""

import inspect
import unittest

from child_harness import have, module

if not have("numpy"):
    raise unittest.SkipTest("numpy is not installed here")

import fake_tensorrt
import fake_tensorrt_build
import fake_tensorrt_run
from tensorrt_bench import VERSIONS, HostCuda

api = module("tensorrt_api")


def names_fit(names, overload):
    """Tell whether a fake's parameters are an overload's, further ones with defaults left out."""
    real = [one.rstrip("=") for one in overload]
    return names == real[: len(names)] and all(one.endswith("=") for one in overload[len(names) :])


class RecordTest(unittest.TestCase):
    def test_every_recorded_class_has_a_fake_with_every_recorded_member(self):
        for release, record in fake_tensorrt.records().items():
            trt = fake_tensorrt.make(record["version"], HostCuda(), {})
            for name, members in record["classes"].items():
                kind = getattr(trt, name)
                for member in members:
                    made = hasattr(kind, member) or member in ("name", "dtype", "shape", "type")
                    self.assertTrue(made, "%s %s.%s" % (release, name, member))

    def test_parameters_are_called_as_in_the_real_modules(self):
        compared = 0
        for record in fake_tensorrt.records().values():
            for name, members in record["classes"].items():
                kinds = [getattr(one, name, None) for one in (fake_tensorrt_build, fake_tensorrt_run)]
                kind = next(one for one in kinds if one)
                for member, overloads in members.items():
                    function = inspect.unwrap(getattr(kind, member, None) or (lambda: None))
                    if overloads and inspect.isfunction(function):
                        names = list(inspect.signature(function).parameters)[1:]
                        fits = any(names_fit(names, overload) for overload in overloads)
                        self.assertTrue(fits, (name, member, names, overloads))
                        compared += 1
        self.assertGreater(compared, 100)

    def test_a_release_has_not_what_the_real_one_has_not(self):
        old, new = (fake_tensorrt.make(version, HostCuda(), {}) for version in ("8.2.1.8", "10.3.0.30"))
        log = module("tensorrt_api.log").make_log(old)
        config = old.Builder(log).create_builder_config()
        config.max_workspace_size = 5
        with self.assertRaises(AttributeError):
            config.progress_monitor = None
        config = new.Builder(log).create_builder_config()
        config.progress_monitor = None
        with self.assertRaises(AttributeError):
            config.max_workspace_size = 5
        self.assertFalse(hasattr(new, "no such class"))
        self.assertFalse(hasattr(old, "IProgressMonitor"))

    def test_eleven_builds_no_precision_on_demand_in_the_real_module(self):
        record = fake_tensorrt.records()[(11, 4)]
        self.assertNotIn("FP16", record["enums"]["BuilderFlag"])
        self.assertNotIn("IInt8EntropyCalibrator2", record["classes"])


class ImportTest(unittest.TestCase):
    def test_releases_are_numbers(self):
        for version, release in (("8.2.1.8", (8, 2)), ("10.13.3.9.post1", (10, 13)), ("8", (8, 0))):
            trt = fake_tensorrt.make("8.2.1.8", HostCuda())
            trt.__version__ = version
            self.assertEqual(api.release_of(trt), release)

    def test_no_gpu_is_one_sentence(self):
        for version in VERSIONS:
            trt = fake_tensorrt.make(version, HostCuda(), None)
            log = module("tensorrt_api.log").make_log(trt)
            with self.assertRaises(module("failures").Failure) as caught:
                api.made(trt, trt.Builder, log)
            self.assertEqual(caught.exception.code, "delegate-failed")
            self.assertIn("TensorRT %s finds no GPU" % version, caught.exception.message)
            self.assertIn("error: 35", caught.exception.message)


if __name__ == "__main__":
    unittest.main()

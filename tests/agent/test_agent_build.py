"""The build step: the cache asked first, what a way gives kept, what a way fails at told; nothing half is left."""

import errno
import json
import os
import shutil
import tempfile
import unittest

import load

build = load.module("build")
child = load.module("child")
engines = load.module("engines")
failures = load.module("failures")
session = load.module("session")

GPU = {"name": "NVIDIA Tegra X1", "sm": "5.3"}


class Way(object):
    """Builds `data`; `fails` is raised instead once a half is written."""

    def __init__(self, data=b"an engine", fails=None, version="8.2.1.8"):
        self.data = data
        self.fails = fails
        self.built = 0
        self._version = version

    def version(self):
        return self._version

    def gpu(self):
        return dict(GPU)

    def build(self, part, progress):
        assert not os.path.exists(part)
        self.built += 1
        progress(None, "timing tactics")
        with open(part, "wb") as out:
            out.write(self.data if self.fails is None else self.data[: len(self.data) // 2])
        if self.fails is not None:
            raise self.fails
        progress(1.0, "done")
        return {"layers": 3}


class Told(object):
    """Takes what a child would emit."""

    def __init__(self):
        self.events = []

    def emit(self, ev, **fields):
        self.events.append(dict(fields, ev=ev))

    def phase(self, name):
        self.emit("phase", name=name)

    def of(self, ev):
        return [event for event in self.events if event["ev"] == ev]


class BuildCase(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="ebbuild-")
        self.addCleanup(shutil.rmtree, self.home)
        self.jobdir = os.path.join(self.home, "jobs", "j")
        os.makedirs(self.jobdir)

    def variant(self, **engine):
        told = {"way": "python", "artifact": "ab" * 32, "prebuilt": False, "flags": {"fp16": True}, "profile": {}}
        told.update(engine)
        return {"backend": "tensorrt", "model": "artifacts/ab.onnx", "engine": told}

    def build(self, by, free_bytes=None, jobdir=None, **engine):
        """Run the pass; return what it told."""
        self.told = Told()
        config = {"variant": self.variant(**engine), "home": self.home, "jobdir": jobdir or self.jobdir, "index": 0,
                  "root": "/", "step": {"pass": "build"}}  # fmt: skip
        build.build(session.Session(config, self.told, None), by, free_bytes)
        return self.told

    def failure(self, *arguments, **more):
        with self.assertRaises(failures.Failure) as raised:
            self.build(*arguments, **more)
        self.assertEqual(self.told.of("engine"), [])
        self.assertEqual(self.left(), [])
        return raised.exception

    def left(self):
        folder = os.path.join(self.home, engines.FOLDER)
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


class Building(BuildCase):
    def test_an_engine_is_built_once_and_found_the_next_time(self):
        way = Way()
        first = self.build(way).of("engine")[0]
        self.assertFalse(first["cached"])
        self.assertGreater(first["build_ns"], 0)
        self.assertEqual([event["text"] for event in self.told.of("progress")], ["begins", "timing tactics", "done"])
        again = self.build(way).of("engine")[0]
        self.assertEqual(way.built, 1)
        self.assertEqual(self.told.of("progress"), [])
        self.assertEqual(again, dict(first, cached=True))

    def test_what_the_event_tells(self):
        event = self.build(Way()).of("engine")[0]
        self.assertEqual((event["runtime"], event["gpu"], event["way"]), ("8.2.1.8", GPU, "python"))
        self.assertEqual((event["flags"], event["bytes"], event["more"]), ({"fp16": True}, 9, {"layers": 3}))

    def test_later_steps_of_the_job_find_the_engine(self):
        key = self.build(Way()).of("engine")[0]["key"]
        path = build.built(self.variant(), self.home, self.jobdir)
        self.assertEqual(path, engines.Cache(self.home).path(key))
        with open(path, "rb") as engine:
            self.assertEqual(engine.read(), b"an engine")

    def test_another_job_or_variant_finds_none_before_its_own_build_step(self):
        self.build(Way())
        other = os.path.join(self.home, "jobs", "other")
        os.makedirs(other)
        for variant, jobdir in ((self.variant(), other), (self.variant(flags={}), self.jobdir)):
            with self.assertRaises(failures.Failure) as raised:
                build.built(variant, self.home, jobdir)
            self.assertEqual(raised.exception.code, "build-failed")

    def test_a_prebuilt_engine_is_the_artifact(self):
        path = build.built(self.variant(prebuilt=True), self.home, self.jobdir)
        self.assertEqual(path, os.path.join(self.home, "artifacts/ab.onnx"))

    def test_what_makes_another_engine(self):
        way = Way()
        self.build(way)
        for told in ({"flags": {}}, {"artifact": "cd" * 32}, {"way": "trtexec"}, {"calibration": {"sha256": "ef"}},
                     {"profile": {"x": {"min": [1], "opt": [1], "max": [2]}}}):  # fmt: skip
            self.assertFalse(self.build(way, **told).of("engine")[0]["cached"], told)
        self.assertFalse(self.build(Way(version="8.2.3.0")).of("engine")[0]["cached"])

    def test_a_damaged_engine_is_built_again(self):
        key = self.build(Way()).of("engine")[0]["key"]
        with open(engines.Cache(self.home).path(key), "wb"):
            pass
        self.assertFalse(self.build(Way()).of("engine")[0]["cached"])


class Failing(BuildCase):
    def test_a_ways_own_code_is_kept(self):
        fails = failures.Failure("unsupported-op", "no importer for NonZero (node Where_7)", "build")
        failure = self.failure(Way(fails=fails))
        self.assertEqual((failure.code, failure.message), ("unsupported-op", "no importer for NonZero (node Where_7)"))

    def test_what_the_runtime_raises_is_judged(self):
        for error, code in (
            (RuntimeError("something odd"), "build-failed"),
            (MemoryError(), "oom"),
            (RuntimeError("CUDA out of memory"), "oom"),
            (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        ):
            self.assertEqual(self.failure(Way(fails=error)).code, code)

    def test_an_empty_engine_is_none(self):
        self.assertEqual(self.failure(Way(data=b"")).code, "build-failed")

    def test_a_builder_that_only_says_no_where_nothing_is_left_to_write_to(self):
        fails = failures.Failure("build-failed", "saving engine to file failed", "build")
        failure = self.failure(Way(fails=fails), free_bytes=lambda folder: 4096)
        self.assertEqual(failure.code, "disk-full")
        self.assertIn("saving engine to file failed", failure.message)
        self.assertEqual(self.failure(Way(fails=fails), free_bytes=lambda folder: 1 << 30).code, "build-failed")
        unwritten = failures.Failure("load-failed", "Error opening engine file: x", "build")
        self.assertEqual(self.failure(Way(fails=unwritten), free_bytes=lambda folder: 4096).code, "disk-full")

    def test_a_supervisor_that_goes_away_leaves_nothing_either(self):
        with self.assertRaises(BrokenPipeError):
            self.build(Way(fails=BrokenPipeError()))
        self.assertEqual(self.left(), [])

    def test_what_a_kill_left_is_swept_by_the_next_build(self):
        folder = os.path.join(self.home, engines.FOLDER)
        os.makedirs(folder)
        for name in ("dead.engine.part", "dead.engine"):
            with open(os.path.join(folder, name), "w") as out:
                out.write("half")
        key = self.build(Way()).of("engine")[0]["key"]
        self.assertEqual(self.left(), [key + ".engine", key + ".json"])

    def test_an_unknown_way(self):
        failure = self.failure(None, way="magic")
        self.assertEqual(failure.code, "runtime-missing")
        self.assertIn("magic", failure.message)

    def test_a_version_that_cannot_be_had(self):
        class Missing(Way):
            def version(self):
                raise ImportError("No module named tensorrt")

        self.assertEqual(self.failure(Missing()).code, "runtime-missing")


class Choosing(unittest.TestCase):
    def test_the_steps_of_a_variant_come_from_its_way(self):
        self.assertIn("build", child.passes_for({"engine": {"way": "python"}}))
        self.assertIn("build", child.passes_for({"backend": "onnxruntime"}))

    def test_key_material_is_json(self):
        key = build.key_for({"engine": {"way": "python", "artifact": "a"}, "options": {"x": 1}}, "8.2", GPU)
        self.assertEqual(len(key), 64)
        json.dumps(key)

    def test_an_option_that_the_builder_is_not_told_asks_for_no_other_engine(self):
        engine = {"way": "trtexec", "artifact": "a", "flags": {"fp16": True}}
        keys = [build.key_for({"engine": engine, "options": options}, "8.2", GPU)
                for options in ({}, {"way": "trtexec"}, {"build-limit": "60"})]  # fmt: skip
        self.assertEqual(len(set(keys)), 1)


if __name__ == "__main__":
    unittest.main()

"""The cache of engines: whole or not at all, whatever was killed in between."""

import hashlib
import json
import os
import shutil
import tempfile
import unittest

import load

engines = load.module("engines")

GPU = {"name": "NVIDIA Tegra X1", "sm": "5.3"}
TOLD = {"artifact": "ab" * 32, "runtime": "8.2.1.8", "gpu": GPU, "flags": {"fp16": True}, "profile": None,
        "calibration": None}  # fmt: skip


class Key(unittest.TestCase):
    def test_everything_that_an_engine_depends_on_is_in_its_key(self):
        other = {
            "artifact": "cd" * 32,
            "runtime": "8.2.1.9",
            "gpu": {"name": "NVIDIA Tegra X1", "sm": "7.2"},
            "flags": {"fp16": False},
            "profile": {"x": {"min": [1], "opt": [2], "max": [4]}},
            "calibration": "ef" * 32,
        }
        keys = {engines.key_of(**dict(TOLD, **{name: value})) for name, value in other.items()}
        self.assertEqual(len(keys | {engines.key_of(**TOLD)}), len(other) + 1)

    def test_the_order_of_flags_is_nothing(self):
        one = engines.key_of(**dict(TOLD, flags={"fp16": True, "int8": False}))
        self.assertEqual(one, engines.key_of(**dict(TOLD, flags={"int8": False, "fp16": True})))


class Keeping(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="ebengines-")
        self.addCleanup(shutil.rmtree, self.home)
        self.cache = engines.Cache(self.home)

    def made(self, key, data=b"engine", **known):
        with open(self.cache.part(key), "wb") as part:
            part.write(data)
        return self.cache.keep(key, known)

    def names(self):
        return sorted(os.listdir(self.cache.folder))

    def test_a_kept_engine_is_found_with_its_size_and_hash(self):
        self.assertIsNone(self.cache.find("k"))
        told = self.made("k", build_ns=7)
        self.assertEqual(self.cache.find("k"), told)
        whole = hashlib.sha256(b"engine").hexdigest()
        self.assertEqual((told["build_ns"], told["bytes"], told["sha256"]), (7, 6, whole))
        self.assertEqual(self.names(), ["k.engine", "k.json"])

    def test_a_part_is_no_engine(self):
        with open(self.cache.part("k"), "wb") as part:
            part.write(b"half")
        self.assertIsNone(self.cache.find("k"))

    def test_an_engine_cut_short_is_none(self):
        self.made("k")
        with open(self.cache.path("k"), "r+b") as engine:
            engine.truncate(3)
        self.assertIsNone(self.cache.find("k"))

    def test_what_is_known_of_an_engine_goes_before_the_engine_changes(self):
        """A kill anywhere in `keep` leaves the new engine, the old one or none: none is vouched for by another's."""
        self.made("k", b"older!", build_ns=1)
        os.unlink(self.cache.path("k"))
        os.mkdir(self.cache.path("k"))  # here `keep` ends as if killed before the new engine is in its place
        with open(self.cache.part("k"), "wb") as part:
            part.write(b"newer!")
        with self.assertRaises(OSError):
            self.cache.keep("k", {"build_ns": 2})
        self.assertNotIn("k.json", self.names())

    def test_sweeping_takes_what_kills_left_and_nothing_else(self):
        self.made("whole")
        for name in ("half.engine.part", "lone.engine", "whole.json.part.123", "other.txt"):
            with open(os.path.join(self.cache.folder, name), "w") as out:
                out.write("x")
        self.cache.sweep()
        self.assertEqual(self.names(), ["other.txt", "whole.engine", "whole.json"])

    def test_sweeping_an_empty_home(self):
        self.cache.sweep()
        self.assertFalse(os.path.exists(self.cache.folder))

    def test_a_dropped_engine_is_gone(self):
        self.made("k")
        self.cache.drop("k")
        self.cache.drop("k")
        self.assertEqual(self.names(), [])

    def test_damaged_words_about_an_engine_are_none(self):
        self.made("k")
        for text in ("", "[]", '{"bytes": "6"}', "{"):
            with open(os.path.join(self.cache.folder, "k.json"), "w") as out:
                out.write(text)
            self.assertIsNone(self.cache.find("k"), text)
        with open(os.path.join(self.cache.folder, "k.json"), "w") as out:
            json.dump({"bytes": 6}, out)
        self.assertEqual(self.cache.find("k"), {"bytes": 6})


if __name__ == "__main__":
    unittest.main()

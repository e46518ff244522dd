"""Runtimes from pushed wheels: unpacked as an installer would, tried apart, named last. Runs on Python 3.6 too."""

import os
import shutil
import sys
import tempfile
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import load

install = load.module("install")

GOOD = "__version__ = '2.5'\ndef get_available_providers():\n    return ['CPU']\n"


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.home)

    def wheel(self, files, name="rt-2.5-cp36", compression=zipfile.ZIP_STORED):
        staging = install.staging_of(self.home, name)
        os.makedirs(staging, exist_ok=True)
        path = os.path.join(staging, "rt-2.5-py3-none-any.whl")
        with zipfile.ZipFile(path, "w", compression) as archive:
            for member, text in files.items():
                archive.writestr(member, text)
        return path

    def runtimes(self):
        return sorted(os.listdir(os.path.join(self.home, "runtimes")))

    def test_a_good_runtime_gets_its_name(self):
        self.wheel({"eb_rt/__init__.py": GOOD, "eb_rt-2.5.dist-info/METADATA": ""})
        found = install.install(self.home, "rt-2.5-cp36", "eb_rt")
        self.assertEqual((found["version"], found["providers"]), ("2.5", ["CPU"]))
        self.assertEqual(self.runtimes(), ["rt-2.5-cp36"])
        folder = os.path.join(self.home, "runtimes", "rt-2.5-cp36")
        self.assertEqual(sorted(os.listdir(folder))[0:1], ["eb_rt"])
        self.assertEqual(install.try_import("eb_rt", folder)["version"], "2.5")

    def test_library_parts_of_a_data_folder_are_merged_and_scripts_left_out(self):
        path = self.wheel({
            "rt-1.data/platlib/eb_rt/__init__.py": GOOD,
            "rt-1.data/purelib/eb_rt/more.py": "",
            "rt-1.data/scripts/tool": "",
            "rt-1.data/data/share/man": "",
        })  # fmt: skip
        folder = os.path.join(self.home, "out")
        install.unpack(path, folder)
        self.assertEqual(sorted(os.listdir(folder)), ["eb_rt"])
        self.assertEqual(sorted(os.listdir(os.path.join(folder, "eb_rt"))), ["__init__.py", "more.py"])

    def test_members_cannot_leave_the_folder(self):
        path = self.wheel({"../../escaped.py": "", "/absolute.py": "", "rt-1.data/purelib/../../out.py": ""})
        folder = os.path.join(self.home, "a", "b")
        install.unpack(path, folder)
        outside = [name for base, _, names in os.walk(self.home) for name in names
                   if name.endswith(".py") and not base.startswith(folder)]  # fmt: skip
        self.assertEqual(outside, [])

    def test_a_runtime_that_cannot_be_imported_leaves_nothing(self):
        self.wheel({"eb_rt/__init__.py": "import eb_not_there\n"})
        with self.assertRaises(install.NotImportable) as caught:
            install.install(self.home, "rt-2.5-cp36", "eb_rt")
        self.assertIn("eb_not_there", str(caught.exception))
        self.assertEqual(self.runtimes(), [])

    def test_a_damaged_wheel_leaves_nothing(self):
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            path = self.wheel({"eb_rt/__init__.py": GOOD * 50}, compression=compression)
            with open(path, "r+b") as damaged:
                damaged.seek(60)
                damaged.write(b"\xff\xff")
            with self.assertRaises(install.NotImportable) as caught:
                install.install(self.home, "rt-2.5-cp36", "eb_rt")
            self.assertIn("rt-2.5-py3-none-any.whl is damaged", str(caught.exception))
            self.assertEqual(self.runtimes(), [])

    def test_what_is_there_stays_as_it_is(self):
        for version in ("2.5", "2.6"):
            self.wheel({"eb_rt/__init__.py": GOOD.replace("2.5", version)})
            install.install(self.home, "rt-2.5-cp36", "eb_rt")
        folder = os.path.join(self.home, "runtimes", "rt-2.5-cp36")
        self.assertEqual(install.try_import("eb_rt", folder)["version"], "2.5")

    def test_only_wheels_of_its_own_staging_folder(self):
        self.wheel({"eb_rt/__init__.py": GOOD})
        self.wheel({"eb_other/__init__.py": ""}, name="other-1-cp36")
        install.install(self.home, "rt-2.5-cp36", "eb_rt")
        self.assertEqual(os.listdir(os.path.join(self.home, "runtimes", "rt-2.5-cp36")), ["eb_rt"])

    def test_names_are_folders_of_one_level(self):
        for name in ("", ".", "..", "../x", "a/b", ".hidden", None):
            with self.assertRaises(ValueError):
                install.staging_of(self.home, name)

    def test_how_a_process_ended_in_one_line(self):
        self.assertEqual(install.last_word(-6, ""), "ended by SIGABRT")
        self.assertEqual(install.last_word(-4, "a\nb\n\n"), "ended by SIGILL: b")
        self.assertEqual(install.last_word(1, "Traceback\nImportError: x\n"), "ImportError: x")
        self.assertEqual(install.last_word(9, " \n"), "exit status 9")


if __name__ == "__main__":
    unittest.main()

"""Programs of the board: ended at their limit with all that they started, and left where they are not ours to end."""

import os
import shutil
import signal
import tempfile
import time
import unittest
import warnings

import load

programs = load.module("programs")


class Late(unittest.TestCase):
    def test_what_it_started_and_left_behind_does_not_hold_us(self):
        began = time.monotonic()
        said = programs.run(["/bin/sh", "-c", "echo begun; sleep 60 & exit 0"], limit_s=0.2)
        self.assertEqual((said.code, said.out), (None, "begun\n"))
        self.assertLess(time.monotonic() - began, 30)

    def test_one_that_we_may_not_kill_is_left_and_is_no_error(self):
        refused = []

        def kill(group, number):
            refused.append(group)
            raise PermissionError(1, "Operation not permitted")

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it runs on, which is what this is about
            said = programs.run(["/bin/sleep", "60"], limit_s=0.2, kill=kill)
        self.addCleanup(os.waitpid, refused[0], 0)
        self.addCleanup(os.killpg, refused[0], signal.SIGKILL)
        self.assertEqual((said.code, said.text), (None, ""))

    def test_in_time(self):
        said = programs.run(["/bin/sh", "-c", "read -r line; echo $line; echo no >&2; exit 3"], "YES\n")
        self.assertEqual((said.code, said.out, said.err), (3, "YES\n", "no\n"))


class Finding(unittest.TestCase):
    def test_the_systems_own_goes_before_the_users(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        for name in ("tee", "none-but-here"):
            with open(os.path.join(folder, name), "w") as out:
                out.write("#!/bin/sh\n")
            os.chmod(out.name, 0o755)
        self.assertIn(programs.find("/", "tee", path=folder), ("/usr/bin/tee", "/bin/tee"))
        self.assertEqual(programs.find("/", "none-but-here", path=folder), os.path.join(folder, "none-but-here"))
        self.assertIsNone(programs.find("/", "none-but-here", path=""))


if __name__ == "__main__":
    unittest.main()

"""The sudoers drop-in: exactly the commands that are run, read by the real visudo, obeyed by the real sudo."""

import os
import shutil
import subprocess
import tempfile
import unittest

import jetson_tree
import load

fan = load.module("fan")
jetsonclocks = load.module("jetsonclocks")
powermode = load.module("powermode")
prepare = load.module("prepare")
privileges = load.module("privileges")

SYSTEM = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
RAIL = "/sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"
AS_NOBODY = """set -e
mount --bind "$1" /etc/sudoers.d
shift
exec setpriv --reuid=nobody --clear-groups "$@"
"""


class Text(unittest.TestCase):
    def test_what_sudoers_wants_escaped(self):
        for argv, text in (
            (["/usr/bin/jetson_clocks"], '/usr/bin/jetson_clocks ""'),
            (["/usr/sbin/nvpmodel", "-m", "0"], "/usr/sbin/nvpmodel -m 0"),
            (["/bin/chmod", "a+r", "/sys/iio:device0/a=b,c"], "/bin/chmod a+r /sys/iio\\:device0/a\\=b\\,c"),
            (["/bin/x", "*", "a?[b]!", "#1"], "/bin/x \\* a\\?\\[b\\]\\! \\#1"),
        ):
            self.assertEqual(privileges.command_text(argv), text)

    def test_what_cannot_be_written_is_refused(self):
        for argv in (
            ["relative"],
            ["/x", "a b"],
            ["/x", "a\nb"],
            ["/x", ""],
            ["/x", 'a"'],
            ["/x", "$(y)"],
            ["/x", "\\"],
            ["/x y", "a"],
        ):
            with self.assertRaises(ValueError):
                privileges.command_text(argv)

    def test_users(self):
        for user in ("jetson", "Bob.Smith", "_svc-1", "#1000"):
            self.assertIn(
                "\n%s ALL=(root) NOPASSWD: /x a\n" % user, privileges.sudoers_text(user, [("w", ["/x", "a"])])
            )
        for user in ("", "ALL", "WHEEL", "a b", "a,b", "%sudo", "x\nALL", "#", "#1x", "-x", "ä", "a" * 40, "x\n"):
            with self.assertRaises(ValueError):
                privileges.sudoers_text(user, [])


class Changeable(unittest.TestCase):
    """A program that its user may write over would be the permission to run anything as root."""

    def setUp(self):
        self.top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.top)
        os.chmod(self.top, 0o777)

    def test_the_systems_programs_are_roots(self):
        for name in ("tee", "chmod"):
            self.assertIsNone(privileges.changeable(shutil.which(name, path="/usr/bin:/bin")))

    def test_whatever_lies_where_others_write_is_not(self):
        tool = os.path.join(self.top, "tool")
        with open(tool, "w") as out:
            out.write("#!/bin/sh\n")
        os.chmod(tool, 0o777)
        self.assertEqual(privileges.changeable(tool), tool)
        os.chmod(tool, 0o755)
        self.assertEqual(privileges.changeable(tool), self.top)
        link = os.path.join(self.top, "tee")
        os.symlink("/usr/bin/tee", link)
        self.assertEqual(privileges.changeable(link), self.top)


class RealVisudo(unittest.TestCase):
    """Every character that we let through, in every place, is read by visudo as it was meant."""

    def check(self, text):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "edgebench")
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, 0o440)
        done = subprocess.run([shutil.which("visudo", path=SYSTEM), "-cf", path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)  # fmt: skip
        self.assertEqual(done.returncode, 0, (done.stdout, text))

    def test_all_characters(self):
        letters = [chr(code) for code in range(32, 127) if privileges.PLAIN.match(chr(code))]
        self.assertGreater(len(letters), 70)
        allowed = [("odd words", ["/bin/x", "a%sb" % letter, letter]) for letter in letters]
        for user in ("jetson", "Bob.Smith", "_svc-1", "#1000"):
            self.check(privileges.sudoers_text(user, allowed))

    def test_it_does_find_errors(self):
        with self.assertRaises(AssertionError):
            self.check("jetson ALL=(root) NOPASSWD: relative\n")


class Board(jetson_tree.JetsonCase):
    def setUp(self):
        super(Board, self).setUp()
        self.put(RAIL, "1\n")
        self.put("/sys/devices/pwm-fan/target_pwm", "80\n")
        self.put("/sys/devices/pwm-fan/temp_control", "1\n")
        self.program("tegrastats", "#!/bin/sh\n")

    def refuse_writes(self, path, value):
        raise PermissionError(13, "Permission denied")

    def book(self, **more):
        return super(Board, self).book(write=self.refuse_writes, **more)

    def test_all_that_is_run_as_root_is_allowed_and_little_more(self):
        """Everything that a job of every wish asks sudo for stands in the table."""
        allowed = [argv for _, argv in self.as_ordinary_user(lambda: privileges.commands(self.root))]
        asked = {"power-mode": "5W", "governor": "performance", "clocks": "max", "fan": "max"}
        preparation = prepare.Preparation("job", self.root, asked, self.book(), self.warn)
        preparation.apply(7)
        preparation.pins()
        self.assertEqual((self.book().restore()[1], self.warnings), ([], []))
        table = [" ".join(argv).replace(self.root, "") for argv in allowed]
        run = self.asked()
        self.assertEqual(set(run) - set(table), set())
        unused = [line for line in sorted(set(table) - set(run)) if "nvpmodel" not in line and "--show" not in line]
        self.assertEqual(unused, ["/usr/bin/tegrastats --interval 101"])

    def as_ordinary_user(self, action):
        """Do it with files that we may not write, whoever we are."""
        for path in (jetson_tree.GOVERNOR, "/sys/devices/pwm-fan/target_pwm", "/sys/devices/pwm-fan/temp_control"):
            self.forbid(path)
        if os.geteuid() != 0:
            return action()
        for folder in (self.top, self.root):
            os.chmod(folder, 0o755)
        os.setegid(65534)
        os.seteuid(65534)
        try:
            return action()
        finally:
            os.seteuid(0)
            os.setegid(0)

    def test_the_verb(self):
        status, events = self.verb("privileges", "--root", self.root, "--user", "jetson")
        self.assertEqual(status, 0)
        said = events[0]
        self.assertEqual((said["ev"], said["user"]), ("privileges", "jetson"))
        self.assertIn("jetson ALL=(root) NOPASSWD: %s/usr/bin/nvpmodel -m 1\n" % self.root, said["text"])
        self.assertEqual(said["commands"][0], {"why": "the power mode", "argv": [self.path("/usr/bin/nvpmodel"), "-q"]})
        status, events = self.verb("privileges", "--root", self.root, "--user", "ALL")
        self.assertEqual((status, events[-1]["code"]), (1, "internal"))

    def test_a_machine_without_any_of_it(self):
        for name in ("nvpmodel", "jetson_clocks", "tegrastats", "tee"):
            os.unlink(self.path("/usr/bin/" + name))
        self.assertEqual(privileges.commands(self.root), [])
        self.assertIsNone(self.verb("privileges", "--root", self.root)[1][0]["text"])


@unittest.skipUnless(os.geteuid() == 0, "only root can put a drop-in before the real sudo (in a namespace of its own)")
class RealSudo(unittest.TestCase):
    """The drop-in before the real sudo, as an ordinary user; bound over /etc/sudoers.d in a mount namespace."""

    def setUp(self):
        self.top = tempfile.mkdtemp(dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.top)
        os.chmod(self.top, 0o755)
        self.program = os.path.join(self.top, "tool")
        with open(self.program, "w") as out:
            out.write('#!/bin/sh\necho "uid $(id -u): $*"\n')
        os.chmod(self.program, 0o755)
        self.drop_ins = os.path.join(self.top, "sudoers.d")
        os.mkdir(self.drop_ins)

    def allow(self, *commands):
        path = os.path.join(self.drop_ins, "edgebench")
        with open(path, "w") as out:
            out.write(privileges.sudoers_text("nobody", [("test", [self.program] + list(words)) for words in commands]))
        os.chmod(path, 0o440)

    def sudo(self, *words):
        argv = ["unshare", "-m", "sh", "-c", AS_NOBODY, "sh", self.drop_ins, "sudo", "-n", self.program] + list(words)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, PATH=SYSTEM))
        return done.returncode, done.stdout.decode().strip(), done.stderr.decode()

    def test_these_words_and_no_others(self):
        odd = "/sys/iio:device0/a=b,c"
        self.allow(["-m", "1"], [], ["a+r", odd], ["x*", "[y]"], ["#1", "^"])
        for words in (["-m", "1"], [], ["a+r", odd], ["x*", "[y]"], ["#1", "^"]):
            self.assertEqual(self.sudo(*words)[:2], (0, ("uid 0: " + " ".join(words)).strip()))
        for words in (["-m", "2"], ["-m", "1", "2"], ["-m"], ["a+r", odd, "/etc/shadow"], ["xy", "y"], ["x*", "y"]):
            status, out, err = self.sudo(*words)
            self.assertEqual((status, out), (1, ""), words)
            self.assertIn("password is required", err)


if __name__ == "__main__":
    unittest.main()

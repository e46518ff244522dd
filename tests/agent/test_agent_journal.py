"""The journal: whatever happens, and wherever, the device can be put back."""

import errno
import os
import unittest

import bench
import load

journal = load.module("journal")
programs = load.module("programs")


class PowerCut(BaseException):
    """The device loses its power here."""


class Board(object):
    """A device of settings, some of which refuse; `cut_at` is the write at which the power goes (None: never)."""

    def __init__(self, home, values):
        self.home = home
        self.values = dict(values)
        self.refused = {}
        self.cut_at = None
        self.order = []

    def write(self, path, value):
        noted = [entry["path"] for entry in journal.Journal(self.home).entries()]
        if path not in noted:
            raise AssertionError("%s is set and nothing is noted" % path)
        if self.cut_at is not None:
            self.cut_at -= 1
            if self.cut_at < 0:
                raise PowerCut()
        if path in self.refused:
            raise OSError(self.refused[path], os.strerror(self.refused[path]))
        self.order.append((path, value))
        self.values[path] = value


class Restoring(bench.HomeCase):
    def setUp(self):
        super(Restoring, self).setUp()
        os.makedirs(self.home)
        self.board = Board(self.home, {"a": "1", "b": "1", "c": "1"})

    def book(self):
        return journal.Journal(self.home, write=self.board.write)

    def prepare(self, paths="abca", value="2"):
        for at, path in enumerate(paths):
            self.book().set("job", path, self.board.values[path], value + str(at), at)

    def test_put_back_newest_first_and_then_gone(self):
        self.prepare()
        self.assertEqual(self.board.values, {"a": "23", "b": "21", "c": "22"})
        self.assertEqual([entry["id"] for entry in self.book().entries()], [1, 2, 3, 4])
        del self.board.order[:]
        restored, failed = self.book().restore()
        self.assertEqual(self.board.order, [("a", "20"), ("c", "1"), ("b", "1"), ("a", "1")])
        self.assertEqual((len(restored), failed), (4, []))
        self.assertEqual(self.book().entries(), [])
        self.assertFalse(os.path.exists(os.path.join(self.home, "journal.jsonl")))
        self.assertEqual(self.book().restore(), ([], []))

    def test_a_power_cut_at_any_write_of_preparing_or_restoring(self):
        for cut in range(8):
            self.board = Board(self.home, {"a": "1", "b": "1", "c": "1"})
            self.board.cut_at = cut
            with self.assertRaises(PowerCut):
                self.prepare()
                self.book().restore()
            self.board.cut_at = None
            self.book().restore()
            self.assertEqual(self.board.values, {"a": "1", "b": "1", "c": "1"})

    def test_a_line_cut_short_at_any_byte_was_never_acted_on(self):
        self.prepare("ab")
        path = os.path.join(self.home, "journal.jsonl")
        with open(path, "rb") as source:
            whole = source.read()
        second = whole.index(b"\n", 1) + 1
        for cut in range(second + 1, len(whole) - 1):
            with open(path, "wb") as out:
                out.write(whole[:cut])
            self.assertEqual([entry["path"] for entry in self.book().entries()], ["a"])
            self.book().set("job", "c", "1", "2", 3)
            self.assertEqual([entry["path"] for entry in self.book().entries()], ["a", "c"])

    def test_a_refused_setting_leaves_no_entry(self):
        self.prepare("a")
        self.board.refused["b"] = errno.EPERM
        with self.assertRaises(PermissionError):
            self.prepare("b")
        self.assertEqual([entry["path"] for entry in self.book().entries()], ["a"])

    def test_what_cannot_be_put_back_stays_for_the_next(self):
        self.prepare("abc")
        self.board.refused["b"] = errno.EPERM
        restored, failed = self.book().restore()
        self.assertEqual([entry["path"] for entry in restored], ["c", "a"])
        self.assertEqual([(entry["path"], why) for entry, why in failed], [("b", os.strerror(errno.EPERM))])
        del self.board.refused["b"]
        self.assertEqual([entry["path"] for entry in self.book().restore()[0]], ["b"])
        self.assertEqual(self.board.values["b"], "1")

    def test_a_path_that_is_gone_is_told_once(self):
        self.prepare("ab")
        self.board.refused["a"] = errno.ENOENT
        self.assertEqual([entry["path"] for entry, _ in self.book().restore()[1]], ["a"])
        self.assertEqual(self.book().restore(), ([], []))

    def test_the_real_write_makes_no_file(self):
        with self.assertRaises(OSError):
            journal.write_setting(os.path.join(self.top, "none"), "1")
        path = self.put("knob", "a long old value")
        journal.write_setting(path, "new")
        self.assertEqual(self.get("knob"), "new")


class Device(object):
    """A device of commands: `state` is what `set X` made it, `says` what `ask` prints; `silent` refuses root."""

    def __init__(self):
        self.state = "old"
        self.silent = False
        self.stubborn = False
        self.cut_at = None
        self.ran = []
        self.status = 0

    def run(self, root, argv, answer, as_root):
        if self.cut_at is not None:
            self.cut_at -= 1
            if self.cut_at < 0:
                raise PowerCut()
        self.ran.append((argv, answer, as_root))
        if as_root and self.silent:
            raise programs.NeedsRoot("sudo: a password is required")
        if argv[0] == "gone":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        if argv[0] == "set" and not self.stubborn:
            self.state = argv[1]
        return programs.Said(self.status, self.state + "\n" if argv[0] == "ask" else "done\n", "")


class Commands(bench.HomeCase):
    def setUp(self):
        super(Commands, self).setUp()
        os.makedirs(self.home)
        self.device = Device()
        self.book = journal.Journal(self.home, run=self.device.run)

    def perform(self, **more):
        command = {"root": self.root, "do": ["set", "new"], "undo": ["set", "old"], "as_root": True}
        command.update(more)
        return self.book.perform("job", "the state", "old", "new", 7, command)

    def test_done_and_undone(self):
        entry, said = self.perform(answer="y\n")
        self.assertEqual((self.device.state, said.out, entry["id"]), ("new", "done\n", 1))
        self.assertEqual(self.device.ran, [(["set", "new"], "y\n", True)])
        self.assertEqual(self.book.restore(), ([entry], []))
        self.assertEqual((self.device.state, self.book.entries()), ("old", []))

    def test_noted_before_it_is_done(self):
        def cut(root, argv, answer, as_root):
            raise PowerCut()

        self.book = journal.Journal(self.home, run=cut)
        with self.assertRaises(PowerCut):
            self.perform()
        self.book = journal.Journal(self.home, run=self.device.run)
        self.assertEqual(
            ([one["undo"] for one in self.book.restore()[0]], self.device.state), ([["set", "old"]], "old")
        )

    def test_what_was_not_begun_is_not_noted(self):
        with self.assertRaises(OSError):
            self.perform(do=["gone"])
        self.device.silent = True
        with self.assertRaises(programs.NeedsRoot):
            self.perform()
        self.assertEqual(self.book.entries(), [])

    def test_an_undo_that_sudo_refuses_stays(self):
        self.perform()
        self.device.silent = True
        self.assertEqual(self.book.restore()[1][0][1], "sudo: a password is required")
        self.device.silent = False
        self.assertEqual((len(self.book.restore()[0]), self.device.state), (1, "old"))

    def test_an_undo_whose_program_is_gone_stays(self):
        self.perform(undo=["gone"])
        self.assertEqual(len(self.book.restore()[1]), 1)
        self.assertEqual(len(self.book.entries()), 1)

    def test_the_device_is_asked_before_and_after(self):
        holds = {"argv": ["ask"], "pattern": "^old$"}
        self.perform(holds=holds)
        self.device.stubborn = True
        self.assertEqual(self.book.restore()[1][0][1], "set old: done")
        self.device.state = "old"
        del self.device.ran[:]
        self.assertEqual(len(self.book.restore()[0]), 1)
        self.assertEqual([argv for argv, _, _ in self.device.ran], [["ask"]])

    def test_what_the_device_says_goes_before_an_exit_status(self):
        self.perform(holds={"argv": ["ask"], "pattern": "^old$"})
        self.device.status = 1
        self.assertEqual([len(found) for found in self.book.restore()], [1, 0])
        self.assertEqual((self.device.state, self.book.entries()), ("old", []))

    def test_an_exit_status_is_all_there_is_where_nothing_can_be_asked(self):
        self.perform()
        self.device.status = 1
        self.assertEqual(self.book.restore()[1][0][1], "set old: done")

    def test_files_and_commands_go_back_newest_first(self):
        knob = self.put("knob", "1")
        self.perform()
        self.book.set("job", knob, "1", "2", 8, self.root)
        self.perform(do=["set", "newer"], undo=["set", "new"])
        self.assertEqual([one["id"] for one in self.book.restore()[0]], [3, 2, 1])
        self.assertEqual((self.device.state, self.get("knob")), ("old", "1"))

    def test_what_a_reboot_undid_is_not_undone_again(self):
        self.put(journal.BOOT_ID, "one")
        knob = self.put("knob", "1")
        self.book.set("job", knob, "1", "2", 8, self.root)
        self.perform(volatile=True)
        self.perform()
        self.put(journal.BOOT_ID, "two")
        self.put("knob", "another part's")
        del self.device.ran[:]
        self.assertEqual(len(self.book.restore()[0]), 3)
        self.assertEqual((len(self.device.ran), self.get("knob")), (1, "another part's"))

    def test_a_power_cut_at_any_step_of_putting_back(self):
        for cut in range(4):
            self.device.state = "old"
            for _ in range(3):
                self.perform()
            self.device.cut_at = cut
            with self.assertRaises(PowerCut):
                for _ in range(2):
                    self.book.restore()
                    self.perform()
            self.device.cut_at = None
            self.book.restore()
            self.assertEqual((self.device.state, self.book.entries()), ("old", []))

    def test_tee_writes_what_root_alone_may(self):
        knob = self.put("knob", "1")
        tee = self.put("/usr/bin/tee", "")
        os.chmod(tee, 0o755)
        self.book.set("job", knob, "1", "2", 8, self.root, as_root=True)
        self.book.restore()
        self.assertEqual(self.device.ran, [([tee, knob], "2", True), ([tee, knob], "1", True)])
        os.unlink(knob)
        with self.assertRaises(FileNotFoundError):
            self.book.set("job", knob, "1", "2", 8, self.root, as_root=True)
        self.assertEqual((len(self.device.ran), self.book.entries()), (2, []))


if __name__ == "__main__":
    unittest.main()

"""The journal: whatever happens, and wherever, the device can be put back."""

import errno
import os
import unittest

import bench
import load

journal = load.module("journal")


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


if __name__ == "__main__":
    unittest.main()

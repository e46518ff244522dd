"""A tegrastats of the tests' own below a root: it prints lines, then what comes through a fifo, until that ends."""

import os

from sensor_tree import TreeTest

SCRIPT = """#!/bin/sh
exec 9>"%(folder)s/alive"
echo "$@" > "%(folder)s/asked"
cat "%(folder)s/lines"
%(then)s
"""
HOLD = 'exec cat "%s/more"'


class ToolTest(TreeTest):
    """`tool` puts one there; `more` is then the fifo's end to write to, `wait_for_death` returns when it is gone."""

    def setUp(self):
        TreeTest.setUp(self)
        self.folder = self.path("tool")
        os.makedirs(self.folder)
        os.mkfifo(os.path.join(self.folder, "alive"))
        os.mkfifo(os.path.join(self.folder, "more"))
        # both ends, so that opening waits for nobody; the reading end sees the last writer go
        self.alive = os.open(os.path.join(self.folder, "alive"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, self.alive)
        self.more = os.open(os.path.join(self.folder, "more"), os.O_RDWR)
        self.addCleanup(os.close, self.more)

    def tool(self, lines, then=None, name="usr/bin/tegrastats", mode=0o755):
        with open(os.path.join(self.folder, "lines"), "wb") as file:
            file.write(b"".join(line if isinstance(line, bytes) else line.encode("utf-8") + b"\n" for line in lines))
        self.put({name: SCRIPT % {"folder": self.folder, "then": then or HOLD % self.folder}})
        os.chmod(self.path(name), mode)

    def say(self, line):
        os.write(self.more, line.encode("utf-8") + b"\n")

    def asked(self):
        with open(os.path.join(self.folder, "asked")) as file:
            return file.read().split()

    def wait_for_death(self):
        os.set_blocking(self.alive, True)
        self.assertEqual(os.read(self.alive, 1), b"")

"""Small trees of sensor files for the probes' tests."""

import contextlib
import os
import shutil
import tempfile
import unittest

from load import module

MISSING = module("probes.base").MISSING
NOBODY = 65534


class TreeTest(unittest.TestCase):
    """A test with an empty root of its own."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        os.chmod(self.root, 0o755)

    def path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def put(self, files, below=""):
        """Write {path: content}; content is rewritten in place, so that open descriptors see it."""
        for name, content in files.items():
            path = self.path(os.path.join(below, name))
            if not os.path.isdir(os.path.dirname(path)):
                os.makedirs(os.path.dirname(path))
            with open(path, "wb") as stream:
                stream.write(content if isinstance(content, bytes) else ("%s\n" % content).encode("utf-8"))

    def failing(self, path):
        """Put something there that opens and then fails to read."""
        os.makedirs(self.path(path))

    def forbid(self, path):
        os.chmod(self.path(path), 0o000)


@contextlib.contextmanager
def ordinary_user():
    """Be nobody for a while, if we are root: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)

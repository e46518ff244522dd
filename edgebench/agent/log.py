"""The job's log, where a runtime's own words on stdout and stderr end up: what it said since a moment ago."""

import os
import re

NAME = "log.txt"


class Log(object):
    """Reads `log.txt` of a job's folder from where it stood at the last `mark`."""

    def __init__(self, jobdir):
        self._path = os.path.join(jobdir, NAME)
        self._from = 0

    def mark(self):
        """Remember where the log ends now."""
        self._from = os.path.getsize(self._path) if os.path.exists(self._path) else 0

    def line(self, pattern):
        """Return the first line since the mark that `pattern` (regular expression) is found in, or None."""
        if not os.path.exists(self._path):
            return None
        with open(self._path, "rb") as log:
            log.seek(self._from)
            text = log.read().decode("utf-8", "replace")
        for line in text.splitlines():
            if re.search(pattern, line):
                return line.strip()
        return None

"""The right to use the device: one job at a time, held by the supervisor's life, not by the host's.

The lock is `flock` on ``lease.lock``: the kernel lets go of it when its holder dies, so no stale lock can exist.
``lease.json`` beside it only tells others who holds it and until when (`expires_ns`, monotonic).
"""

import errno
import fcntl
import os
import signal

from . import files


class Locked(Exception):
    """Another job holds the device: `lease` is what its lease.json says ({} if it says nothing)."""

    def __init__(self, lease):
        Exception.__init__(self, "the device is held by %s" % lease.get("holder", "another session"))
        self.lease = lease


class Lease(object):
    """The lease of one home folder. Not re-entrant; released by `release` or by the death of the process."""

    def __init__(self, home, clock):
        self._lock_path = os.path.join(home, "lease.lock")
        self._path = os.path.join(home, "lease.json")
        self._home = home
        self._clock = clock
        self._fd = None
        self.expires_ns = None

    def acquire(self, holder, job, lease_s):
        """Take the lease for `lease_s` seconds. Raises Locked at once when another process holds it."""
        self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.expires_ns = self._clock.monotonic_ns() + int(lease_s * 1e9)
        files.write_json(self._path, {"holder": holder, "job": job, "pid": os.getpid(), "expires_ns": self.expires_ns})

    def _take(self, how):
        os.makedirs(self._home, mode=0o700, exist_ok=True)
        fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, how)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise Locked(files.read_json(self._path) or {})
            raise
        self._fd = fd

    def hold(self):
        """Take the lock for a moment's work (restore, status) without writing who. Raises Locked."""
        self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self):
        """Give the lease back; does nothing when it is not held."""
        if self._fd is None:
            return
        try:
            os.unlink(self._path)
        except OSError:
            pass  # `hold` writes none; whoever takes the lock next replaces a leftover
        os.close(self._fd)
        self._fd = None

    def wait(self, seconds):
        """Sleep until the lease is free or `seconds` have passed; return whether it is free.

        The kernel wakes us: a blocking flock, cut short by an alarm.
        """

        def give_up(number, stack):
            raise TimeoutError("the lease is still held")

        before = signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))
        try:
            self._take(fcntl.LOCK_EX)
        except TimeoutError:
            return False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        self.release()
        return True

    def look(self):
        """Return the lease as others see it: {state: free} or {state: held, holder, job, pid, remaining_s}."""
        try:
            self.hold()
        except Locked as locked:
            return described(locked.lease, self._clock.monotonic_ns())
        self.release()
        return {"state": "free"}


def described(lease, now_ns):
    """Return a held lease as an event's fields; `remaining_s` is null when its holder has not written it yet."""
    expires_ns = lease.get("expires_ns")
    return {
        "state": "held",
        "holder": lease.get("holder", "another session"),
        "job": lease.get("job"),
        "pid": lease.get("pid"),
        "remaining_s": None if expires_ns is None else max(0.0, round((expires_ns - now_ns) / 1e9, 3)),
    }

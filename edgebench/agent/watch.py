"""Where the supervisor sleeps: one select over children, followers and signals, woken by nothing else."""

import os
import signal

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Ended(Exception):
    """The job is over before its steps are: `code` says why."""

    def __init__(self, code, message):
        Exception.__init__(self, message)
        self.code = code
        self.message = message


class Watch(object):
    """Waits for one process's pipe while serving everybody else; must live in the main thread.

    `helper` is a Process heard all the while (the sampler), `relay(event)` takes what it says.
    """

    def __init__(self, clock, followers, relay, lease_until_ns):
        self._clock = clock
        self._followers = followers
        self._relay = relay
        self._lease_until_ns = lease_until_ns
        self._old = {}
        self.helper = None
        self.closing = False

    def __enter__(self):
        self._signals, self._writer = os.pipe()
        os.set_blocking(self._signals, False)
        os.set_blocking(self._writer, False)
        self._old_fd = signal.set_wakeup_fd(self._writer)
        for number in SIGNALS + (signal.SIGCHLD,):
            # The handler does nothing: the wake-up pipe carries the signal's number into the select.
            self._old[number] = signal.signal(number, lambda number, stack: None)
        return self

    def __exit__(self, *error):
        signal.set_wakeup_fd(self._old_fd)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        os.close(self._signals)
        os.close(self._writer)

    def now(self):
        """Return monotonic nanoseconds."""
        return self._clock.monotonic_ns()

    def wait(self, until_ns=None, fd=None):
        """Sleep until something happens or `until_ns`; return whether `fd` can be read.

        Raises Ended when the job shall stop or the lease is over, not so while `closing`.
        """
        readers = [self._signals] + self._followers.readers()
        helper_fd = self.helper.fd if self.helper is not None else None
        readers += [one for one in (fd, helper_fd) if one is not None]
        ready = self._clock.wait(readers, self._limit(until_ns))
        numbers = self._numbers() if self._signals in ready else b""
        if helper_fd in ready:
            self._hear_helper()
        asked = self._followers.serve(ready)
        if not self.closing:
            self._check(asked, numbers)
        return fd in ready

    def _limit(self, until_ns):
        if self.closing or self._lease_until_ns is None:
            return until_ns
        return self._lease_until_ns if until_ns is None else min(until_ns, self._lease_until_ns)

    def _check(self, asked, numbers):
        if asked or any(number in SIGNALS for number in numbers):
            raise Ended("interrupted", "stopped on request")
        if self._lease_until_ns is not None and self.now() >= self._lease_until_ns:
            raise Ended("timeout", "the job's lease is over")

    def _numbers(self):
        try:
            return os.read(self._signals, 4096)
        except BlockingIOError:
            return b""

    def _hear_helper(self):
        events, ended = self.helper.receive()
        for event in events:
            self._relay(event)
        if ended:
            os.close(self.helper.fd)
            self.helper.fd = None

    def until_exit(self, process, seconds):
        """Wait for a process to end, at most `seconds`; return whether it has."""
        until_ns = self.now() + int(seconds * 1e9)
        while not process.exited():
            if self.now() >= until_ns:
                return False
            self.wait(until_ns)
        return True

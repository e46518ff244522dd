"""A process of the job: started in a group of its own, heard over a pipe, told over its stdin, killed whole.

It dies with its supervisor twice over: the kernel kills it (parent death signal), and its stdin comes to an end.
"""

import ctypes
import errno
import json
import os
import signal
import subprocess

from . import files, protocol

PR_SET_PDEATHSIG = 1
READ_BYTES = 1 << 18


def death_tie(cpus):
    """Return the function that a new process runs before its program: tied to us, pinned to `cpus` (or None)."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        prctl = None  # no Linux: the closed stdin alone must do
    parent = os.getpid()

    def tie():
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        if cpus:
            os.sched_setaffinity(0, cpus)

    return tie


class Process(object):
    """`argv` + config file, running. The config gets `fd`, the pipe's end in the process, and `nonce`.

    stdout and stderr go where ours go (log.txt). Raises OSError when it cannot be started.
    """

    def __init__(self, argv, config_path, config, env=None, cpus=None):
        reader, writer = os.pipe()
        try:
            files.write_json(config_path, dict(config, fd=writer))
            self._popen = subprocess.Popen(
                list(argv) + [config_path],
                stdin=subprocess.PIPE,
                bufsize=0,
                pass_fds=(writer,),
                start_new_session=True,
                env=dict(os.environ, **{key: str(value) for key, value in (env or {}).items()}),
                preexec_fn=death_tie(cpus),
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self.fd = reader
        self.pid = self._popen.pid
        self.signal = None
        self.code = None
        self._frames = protocol.FrameReader(config["nonce"])

    def receive(self):
        """Return (events that came, whether the pipe has come to its end). Never blocks."""
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return [], False
        return self._frames.feed(data), not data

    def drain(self):
        """Return all events left in the pipe."""
        found = []
        while True:
            before = self._frames.offset
            events, ended = self.receive()
            found.extend(events)
            if ended or (not events and self._frames.offset == before):
                return found

    def tell(self, message):
        """Send one JSON line to its stdin; a process that no longer listens is no error here."""
        try:
            files.write_all(self._popen.stdin.fileno(), json.dumps(message).encode("utf-8") + b"\n")
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise

    def hang_up(self):
        """Close its stdin, which asks it to end; a signal could come before it is ready to be told."""
        self._popen.stdin.close()

    def kill(self):
        """Kill the whole group."""
        self._send(signal.SIGKILL)

    def _send(self, number):
        try:
            os.killpg(self.pid, number)
        except OSError:
            pass  # all of it has ended

    def exited(self):
        """Tell whether the process has ended (it is not reaped by this)."""
        if self._popen.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self):
        """After `exited`: end what is left of its group, take its status into `code` and `signal`, close the pipes."""
        self.kill()
        status = self._popen.wait()
        self.signal = -status if status < 0 else None
        self.code = status if status >= 0 else None
        self.close()

    def close(self):
        """Close our ends of its pipes."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        self._popen.stdin.close()


def signal_name(number):
    """Return a signal's name, as SIGSEGV."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal %d" % number

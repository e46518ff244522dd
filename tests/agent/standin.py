"""Plays a child or the sampler: `standin.py child|sample CONFIG`. What it does stands in the step as `play`."""

import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from load import module

protocol = module("protocol")


class Player(object):
    """A child that plays the part its step names."""

    def __init__(self, config):
        self.config = config
        self.step = config.get("step", {})
        self.frames = protocol.FrameWriter(lambda data: os.write(config["fd"], data), config["nonce"])

    def emit(self, ev, **fields):
        fields.update(ev=ev, t=int(time.perf_counter() * 1e9))
        self.frames.emit(fields)

    def ready(self, first_ns=1000000):
        self.emit("loaded", load_ns=5000000)
        self.emit("first", ns=first_ns)
        self.emit("ready", load_ns=5000000, first_ns=first_ns, items_per_iteration=1)
        line = sys.stdin.readline()
        if not line:
            sys.exit(9)
        self.emit("phase", name="measure")
        self.emit("went", go=json.loads(line)["go"])

    def measure(self, median_ns=1000000):
        self.emit("samples", n=2, start_ns=[1, 2], duration_ns=[median_ns, median_ns])
        self.emit("block", n=2, items=2, median_ns=median_ns)

    def play_ok(self):
        self.play_no_result()
        self.finish()

    def finish(self):
        self.emit("done", outcome="ok", code=None, message=None, signal=None)

    def play_no_result(self):
        self.ready(int(self.step.get("first_ns", 1000000)))
        self.measure(int(self.step.get("median_ns", 1000000)))

    def play_segv(self):
        self.ready()
        self.measure()
        os.kill(os.getpid(), signal.SIGSEGV)

    def play_segv_late(self):
        self.play_ok()
        os.kill(os.getpid(), signal.SIGSEGV)

    def play_sigkill(self):
        self.ready()
        if "vmstat" in self.step:
            with open(self.step["vmstat"], "w") as out:
                out.write("nr_free_pages 1\noom_kill 4\n")
        os.kill(os.getpid(), signal.SIGKILL)

    def play_memory_error(self):
        self.ready()
        raise MemoryError()

    def play_load_failed(self):
        self.emit("error", code="load-failed", message="not a model", stage="load")
        sys.exit(1)

    def play_run_failed(self):
        self.ready()
        self.emit("error", code="internal", message="lost the thread", stage="run")
        sys.exit(1)

    def play_silent_exit(self):
        sys.exit(0)

    def play_hang(self):
        """Say so on the pipe, and on a FIFO that stays open as long as this process lives; then never end."""
        if "fifo" in self.step:
            self.kept = os.open(self.step["fifo"], os.O_WRONLY)
            os.write(self.kept, b"%d" % os.getpid())
        if self.step.get("ready", True):
            self.ready()
        self.emit("phase", name="hang")
        while True:
            signal.pause()

    def play_build(self):
        """Tell of progress, wait for a line on a FIFO where there is one, tell of an engine: never ready."""
        self.emit("progress", done=None, text="timing kernels")
        if "gate" in self.step:
            with open(self.step["gate"]) as gate:
                gate.readline()
        self.emit("engine", key="ab", cached=False, build_ns=5)
        self.finish()

    def play_build_failed(self):
        self.emit("error", code="oom", message="out of memory; less workspace", stage="build")
        sys.exit(1)

    def play_closes_pipe(self):
        self.ready()
        self.emit("phase", name="hang")
        os.close(self.config["fd"])
        while True:
            signal.pause()

    def play_noise(self):
        print("EB1 is not a frame")
        os.write(self.config["fd"], b"a runtime printed this\n")
        self.play_ok()
        sys.stderr.write("something odd\n")

    def play_huge(self):
        sys.stdout.write("x" * (1 << 21) + "\n")
        self.ready()
        for _ in range(64):
            self.emit("samples", n=1, start_ns=[1], duration_ns=[1], blob="y" * (1 << 16))
        self.finish()

    def play_environment(self):
        self.ready()
        self.emit("seen", cpus=sorted(os.sched_getaffinity(0)), colour=os.environ.get("COLOUR"), group=os.getpgrp())
        self.finish()


def sample(player):
    """Play the sampler: a source, one reading, and the rest when told to stop."""
    player.emit("source", name="fake", state="ok", config=player.config)
    player.emit("reading", source="fake", columns=["t"], rows=1, packed=[[1]])
    if player.config.get("dies"):
        sys.exit("the sensor bit me")
    sys.stdin.read()
    while player.config.get("stubborn"):
        player.emit("phase", name="will-not-go")
        signal.pause()
    player.emit("sampler", cpu_ns=1, wall_ns=2)


def main():
    verb, path = sys.argv[1:]
    with open(path) as source:
        player = Player(json.load(source))
    if verb == "sample":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sample(player)
    else:
        getattr(player, "play_" + player.step.get("play", "ok"))()


if __name__ == "__main__":
    main()

"""Faults at an exact byte, however the content is cut into chunks."""

import errno
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.mock.phone.adbd.faults import Fault, Faults, When
from edgebench.mock.phone.adbd.passage import Passage, PhoneGone
from edgebench.mock.phone.adbd.streams import StreamClosed

CONTENT = bytes(range(256)) * 4
CHUNKS = st.lists(st.integers(1, 300), min_size=1, max_size=12)


class Watching:
    """Faults that are told to nobody but this list."""

    def __init__(self, *put):
        self.seen = []
        self.faults = Faults(
            lambda fault: self.seen.append(("begun", fault)), lambda fault: self.seen.append(("lifted", fault))
        )
        for fault in put:
            self.faults.put(fault)

    def pass_through(self, sizes, name="push", *, has_exit=False):
        """Pass the content in chunks of these sizes, then the rest; return what was delivered and what stopped it."""
        delivered = bytearray()
        try:
            passage = Passage(self.faults, name, lambda: self.seen.append(("drained", len(delivered))))
            passage.begin()
            at = 0
            for size in (*sizes, len(CONTENT)):
                for piece in passage.pieces(CONTENT[at : at + size]):
                    delivered += piece
                at += size
            if has_exit:
                passage.end()
        except OSError as error:
            return bytes(delivered), error
        return bytes(delivered), None


@given(CHUNKS)
def test_content_passes_unchanged_where_nothing_is_wrong(sizes):
    assert Watching().pass_through(sizes) == (CONTENT, None)


@given(CHUNKS, st.integers(0, len(CONTENT)), st.sampled_from(["drop", "reboot", "disk-full"]))
def test_what_stops_at_a_byte_lets_exactly_those_before_it_pass(sizes, byte, kind):
    fault = Fault(kind, When("push", byte=byte))
    watching = Watching(fault)
    delivered, stopped = watching.pass_through(sizes)
    assert delivered == CONTENT[:byte]
    assert watching.seen == [("drained", byte), ("begun", fault)]
    expected = {"drop": StreamClosed, "reboot": PhoneGone, "disk-full": OSError}[kind]
    assert type(stopped) is expected
    assert (stopped.errno == errno.ENOSPC) == (kind == "disk-full")


@given(CHUNKS, st.sets(st.integers(0, len(CONTENT) - 1), max_size=4))
def test_bits_flip_where_they_were_asked_to_and_nowhere_else(sizes, places):
    watching = Watching(*(Fault("flip", When("pull", byte=place)) for place in places))
    delivered, stopped = watching.pass_through(sizes, "pull")
    assert stopped is None
    assert {at for at, (one, other) in enumerate(zip(delivered, CONTENT, strict=True)) if one != other} == places


def test_a_byte_that_is_never_reached_brings_nothing_about():
    watching = Watching(Fault("drop", When("push", byte=len(CONTENT) + 1)))
    assert watching.pass_through([10]) == (CONTENT, None)
    assert watching.seen == []


def test_before_the_exit_comes_after_all_content_and_in_commands_only():
    watching = Watching(Fault("drop", When("shell", before_exit=True)))
    assert watching.pass_through([10], "push") == (CONTENT, None)
    delivered, stopped = watching.pass_through([10], "shell", has_exit=True)
    assert delivered == CONTENT
    assert isinstance(stopped, StreamClosed)


@pytest.mark.parametrize(("kind", "names"), [("flip", {"push", "pull"}), ("disk-full", {"push"})])
def test_faults_of_files_meet_no_commands(kind, names):
    fault = Fault(kind)
    assert {name for name in ("shell", "exec", "push", "pull") if fault.is_of(name)} == names


def test_the_nth_passage_is_counted_from_when_it_was_put():
    watching = Watching()
    watching.pass_through([], "shell")
    watching.faults.put(Fault("drop", When("shell", nth=2, byte=1)))
    stops = [watching.pass_through([], name)[1] is not None for name in ("shell", "pull", "shell", "shell")]
    assert stops == [False, False, True, False]


def test_every_passage_is_meant_until_the_fault_is_lifted():
    watching = Watching(fault := Fault("drop", When("push", byte=1)))
    assert [watching.pass_through([])[0] for _ in range(2)] == [CONTENT[:1]] * 2
    watching.faults.lift(fault)
    watching.faults.lift(fault)
    assert watching.pass_through([]) == (CONTENT, None)


def test_a_lasting_fault_holds_from_its_byte_until_it_is_lifted():
    watching = Watching(fault := Fault("offline", When("shell", byte=5)))
    assert watching.faults.in_force("offline") is None
    watching.pass_through([], "shell")
    assert watching.faults.in_force("offline") is fault
    watching.pass_through([], "shell")
    watching.faults.clear()
    assert [what for what, _ in watching.seen if what != "drained"] == ["begun", "lifted"]
    assert watching.faults.in_force("offline") is None


def test_what_is_frozen_waits_and_goes_on():
    watching = Watching(fault := Fault("frozen"))
    over = []
    thread = threading.Thread(target=lambda: over.append(watching.pass_through([100])), daemon=True)
    thread.start()
    thread.join(0.1)
    assert over == []
    watching.faults.lift(fault)
    thread.join(20)
    assert over == [(CONTENT, None)]


def test_what_was_slow_hurries_once_that_is_over():
    watching = Watching(fault := Fault("slow", bytes_per_s=0.001))
    over = []
    thread = threading.Thread(target=lambda: over.append(watching.pass_through([100])), daemon=True)
    thread.start()
    thread.join(0.1)
    assert over == []
    watching.faults.lift(fault)
    thread.join(20)
    assert over == [(CONTENT, None)]

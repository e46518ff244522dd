"""The search for the smallest failing part, against devices that are one line of Python."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.controller.bisect import Cut, Verdict, bisect, expected_trials

OK, REFUSED, WRONG = Verdict("ok"), Verdict("refused", "delegate-failed", "op X is not there"), Verdict("wrong")
KINDS = [f"KIND_{at % 7}" for at in range(60)]


def anything(cut):
    return True


def refusing(*culprits, verdict=REFUSED):
    """A device that fails every part with one of these operators in it."""
    return lambda cut: verdict if any(cut.first <= at <= cut.last for at in culprits) else OK


def needing(*together):
    """A device that fails every part that holds all of these operators."""
    return lambda cut: REFUSED if all(cut.first <= at <= cut.last for at in together) else OK


@pytest.mark.parametrize("verdict", [REFUSED, WRONG])
@pytest.mark.parametrize("planted", range(60))
def test_a_planted_operator_of_sixty_is_found_in_ten_runs_wherever_it_is(planted, verdict):
    asked = []
    device = refusing(planted, verdict=verdict)
    found = bisect(KINDS, anything, lambda cut: asked.append(cut) or device(cut))
    assert (found.kind, found.cut, found.verdict) == ("culprit", Cut(planted, planted), verdict)
    assert len(asked) == len(found.trials) <= 10
    assert found.more is (None if planted == 59 else False)


@given(st.integers(1, 200).flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count - 1))))
def test_any_position_in_any_graph_takes_no_more_runs_than_expected(where):
    count, planted = where
    found = bisect(["SAME"] * count, anything, refusing(planted))
    assert (found.kind, found.cut) == ("culprit", Cut(planted, planted))
    assert len(found.trials) <= expected_trials(count)


def test_a_graph_that_runs_takes_one_run():
    found = bisect(KINDS, anything, lambda cut: OK)
    assert (found.kind, found.cut, len(found.trials)) == ("nothing", None, 1)


@given(st.sets(st.integers(0, 59), min_size=2))
def test_of_several_culprits_the_first_is_named_and_the_others_are_told_of(culprits):
    found = bisect(KINDS, anything, refusing(*culprits))
    if found.kind == "culprit":
        assert found.cut == Cut(min(culprits), min(culprits))
        assert found.more is True
    else:
        assert (found.kind, found.cut) == ("everything", Cut(0, 0))  # the first and one of another kind alone
        assert {0} < culprits


def test_where_the_whole_is_refused_parts_that_come_out_wrong_are_not_blamed():
    """Where it is not, they are: a part that is refused is no reason for a whole that runs and is wrong."""

    def device(cut):
        return REFUSED if cut.first <= 40 <= cut.last else WRONG if cut.first <= 3 <= cut.last else OK

    found = bisect(KINDS, anything, device)
    assert (found.kind, found.cut, found.verdict) == ("culprit", Cut(40, 40), REFUSED)
    found = bisect(KINDS[:40], anything, device)
    assert (found.kind, found.cut, found.verdict) == ("culprit", Cut(3, 3), WRONG)


@given(st.sets(st.integers(0, 59), min_size=2, max_size=5))
def test_operators_that_only_fail_together_come_out_as_the_smallest_part(together):
    found = bisect(KINDS, anything, needing(*together))
    assert (found.kind, found.cut) == ("culprit", Cut(min(together), max(together)))
    assert found.more in (False, None)


def test_a_device_that_refuses_everything_blames_no_operator():
    found = bisect(KINDS, anything, lambda cut: REFUSED)
    assert (found.kind, found.more) == ("everything", True)
    assert len(found.trials) <= 10


def test_a_graph_of_one_refused_kind_blames_the_kind():
    found = bisect(["CONV_2D"] * 5, anything, lambda cut: REFUSED)
    assert (found.kind, found.cut, found.more) == ("culprit", Cut(0, 0), True)


def test_a_device_that_changes_its_mind_is_called_flaky():
    answers = {}

    def moody(cut):
        answers[cut] = answers.get(cut, 0) + 1
        return refusing(30)(cut) if answers[cut] == 1 else OK

    found = bisect(KINDS, anything, moody)
    assert (found.kind, found.cut, found.verdict) == ("flaky", Cut(30, 30), OK)
    assert found.trials[-1].cut == found.trials[-2].cut


@given(st.functions(like=lambda cut: ..., returns=st.sampled_from([OK, REFUSED, WRONG]), pure=True), st.integers(1, 40))
def test_failures_without_any_order_still_end_at_a_part_that_fails(device, count):
    found = bisect(KINDS[:count], anything, device)
    assert len(found.trials) <= 2 * expected_trials(count)
    if found.kind != "nothing":
        assert device(found.cut).failed
        assert found.verdict == device(found.cut)


def test_the_part_before_the_named_end_was_seen_to_run():
    """Refusals need not be monotone: 10 to 20 operators are refused, and 50 and more."""
    found = bisect(KINDS, anything, lambda cut: REFUSED if cut.first == 0 and not 20 < cut.size < 50 else OK)
    tried = {trial.cut: trial.verdict for trial in found.trials}
    assert tried[Cut(0, found.cut.last)].failed
    assert not tried[Cut(0, found.cut.last - 1)].failed


@given(st.sets(st.integers(1, 59)), st.integers(0, 59))
def test_where_parts_cannot_be_cut_the_named_one_is_the_smallest_that_can(seams, planted):
    def can(cut):
        return (cut.first == 0 or cut.first in seams) and (cut.last == 59 or cut.last + 1 in seams)

    asked = []
    device = refusing(planted)
    found = bisect(KINDS, can, lambda cut: asked.append(cut) or device(cut))
    edges = sorted({0, 60} | seams)
    first = max(edge for edge in edges if edge <= planted)
    last = min(edge for edge in edges if edge > planted) - 1
    assert found.cut == Cut(first, last)
    assert all(can(cut) for cut in asked)


def test_a_graph_of_ten_thousand_asks_little_of_what_can_be_cut():
    asked = []
    found = bisect(["SAME"] * 10_000, lambda cut: asked.append(cut) is None, refusing(4321))
    assert found.cut == Cut(4321, 4321)
    assert len(asked) < 30


def test_what_cannot_be_judged_ends_the_search_and_says_so():
    blocked = Verdict("undecided", "disk-full", "no space left")
    found = bisect(KINDS, anything, lambda cut: REFUSED if cut.size > 20 else blocked)
    assert (found.kind, found.verdict) == ("undecided", blocked)
    assert found.trials[-1].verdict == blocked


def test_what_the_judge_raises_passes_through():
    def broken(cut):
        raise ConnectionError("cable out")

    with pytest.raises(ConnectionError, match="cable out"):
        bisect(KINDS, anything, broken)

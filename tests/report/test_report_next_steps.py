"""What to do about a row that failed stands behind its message."""

import msgspec
import pytest
from run_records import failed_run, make_run

from edgebench.records import Environment, Outcome
from edgebench.report.next_steps import next_step
from edgebench.report.table import notes


def ended(code, *, tried=True):
    environment = Environment(facts={"cpu": {}} if tried else {})
    outcome = Outcome(status="failed", code=code, message="it said so")
    return msgspec.structs.replace(failed_run(), outcome=outcome, environment=environment)


def test_a_refused_delegate_leads_to_bisect_with_this_device_and_accelerator():
    run = ended("delegate-failed")
    asked = f"--accelerator {run.variant.accelerator.requested} --device {run.device.name}"
    assert f"failed: it said so -> `edgebench bisect MODEL {asked}` names the operator" in notes([run])


def test_a_runtime_built_without_the_accelerator_blames_no_operator():
    run = ended("delegate-failed")
    message = "this onnxruntime has no CUDAExecutionProvider; it has AzureExecutionProvider, CPUExecutionProvider"
    outcome = msgspec.structs.replace(run.outcome, message=message)
    told = next_step(msgspec.structs.replace(run, outcome=outcome))
    assert told == f"`edgebench devices check {run.device.name}` says which one has it"


def test_one_that_was_never_tried_there_does_not():
    assert next_step(ended("delegate-failed", tried=False)) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [("unparsed-output", "edgebench history"), ("timeout", "--max-time"), ("engine-mismatch", "the .onnx file")],
)
def test_others_have_their_own(code, words):
    assert words in next_step(ended(code))


def test_a_build_that_took_too_long_is_not_led_to_the_limit_of_measuring():
    run = ended("timeout")
    outcome = msgspec.structs.replace(run.outcome, message="it was not built within 3600 s")
    assert "--option build-limit" in next_step(msgspec.structs.replace(run, outcome=outcome))


def test_where_there_is_nothing_to_add_nothing_is_added():
    assert next_step(make_run()) is None
    assert notes([ended("crashed")])[0] == "failed: it said so"

"""`edgebench schema`, what it promises, and the contract kept in docs/schema."""

import copy
import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from cli_program import Program
from run_records import failed_run, make_run, make_session

from edgebench.records import Report, json_schema, to_json

COMMITTED = Path(__file__).parents[2] / "docs" / "schema" / "report-1.json"


def report():
    return json.loads(to_json(Report(edgebench="0.1.0", session=make_session(), runs=[make_run(), failed_run()])))


def test_schemas_are_listed_printed_and_written(tmp_path):
    program = Program(tmp_path)
    assert [line.split()[0] for line in program("schema").out.splitlines()] == ["report", "history"]
    said = program("schema", "report")
    jsonschema.Draft202012Validator.check_schema(said.document)
    jsonschema.validate(report(), said.document)
    assert program("schema", "report", "--output", "r.json").out == ""
    assert (tmp_path / "r.json").read_text() == said.out
    unknown = program("schema", "reprot")
    assert (unknown.code, "did you mean `report`?" in unknown.err) == (2, True)


@pytest.mark.parametrize("path", [(), ("runs", 0), ("runs", 0, "variant"), ("runs", 0, "metrics", "latency_p50")])
def test_a_field_nobody_knows_is_refused(path):
    document = report()
    jsonschema.validate(document, json_schema("report"))
    inner = document
    for key in path:
        inner = inner[key]
    inner["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(document, json_schema("report"))


def fields(schema):
    """(record, field) -> its type, without what is only said about it."""
    return {
        (record, name): {key: value for key, value in field.items() if key not in ("default", "description")}
        for record, found in schema["$defs"].items()
        for name, field in found["properties"].items()
    }


def broken(old, new):
    """Fields of the old schema that the new one lacks, or has with a type that does not take the old values."""
    now = fields(new)
    return [key for key, kind in fields(old).items() if key not in now or not takes(now[key], kind)]


def takes(new, old):
    """Whether a type is the old one, perhaps with more choices."""
    if "anyOf" in old:
        return all(any(takes(one, kind) for one in new.get("anyOf", [])) for kind in old["anyOf"])
    if "enum" in old:
        return set(old["enum"]) <= set(new.get("enum", []))
    return new == old


def test_the_committed_contract_holds():
    committed = json.loads(COMMITTED.read_text())
    assert broken(committed, json_schema("report")) == []
    assert committed["$ref"] == json_schema("report")["$ref"]


def test_the_check_of_the_contract_sees_what_breaks_it():
    old = json_schema("report")
    for change in (
        lambda defs: defs["Metric"]["properties"].pop("lo"),
        lambda defs: defs["Metric"]["properties"].update(unit={"type": "integer"}),
        lambda defs: defs["Outcome"]["properties"]["status"]["enum"].remove("skipped"),
        lambda defs: defs["Metric"]["properties"]["lo"]["anyOf"].remove({"type": "null"}),
    ):
        new = copy.deepcopy(old)
        change(new["$defs"])
        assert len(broken(old, new)) == 1
    wider = copy.deepcopy(old)
    wider["$defs"]["Outcome"]["properties"]["status"]["enum"].append("paused")
    wider["$defs"]["Run"]["properties"]["mood"] = {"type": "string"}
    assert broken(old, wider) == []


def test_what_is_written_today_reads_by_the_committed_contract():
    jsonschema.validate(report(), json.loads(COMMITTED.read_text()))
    assert msgspec.json.decode(json.dumps(report()), type=Report).runs[0] == make_run()

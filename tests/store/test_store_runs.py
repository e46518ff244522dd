from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from store_builders import make_run, make_samples, make_session, make_variant

from edgebench.errors import StoreError, UnknownName
from edgebench.records import Asked, DeviceRef, Invocation, PlanStep, Precision, PrecisionParts, Run
from edgebench.store import Filters, SampleKey, open_store
from edgebench.store.rows import utc_text
from edgebench.store.series import series_key
from edgebench.store.store import Store


def count(store: Store, table: str) -> int:
    with store.view() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


def test_a_run_comes_back_whole(store: Store) -> None:
    run = make_run()
    store.add_run(run, make_samples())
    assert store.run(run.id) == run


def test_samples_come_back(store: Store) -> None:
    samples = {
        **make_samples(),
        SampleKey(1, "start"): np.arange(10**15, 10**15 + 100),
        SampleKey(0, pass_="soak"): np.ones(3, int),
    }
    store.add_run(make_run(), samples)
    assert set(store.sample_keys("run-000001")) == set(samples)
    for key, values in samples.items():
        assert store.samples("run-000001", key=key).tolist() == values.tolist()
    assert store.samples("run-000001", 1).tolist() == samples[SampleKey(1)].tolist()


def test_samples_that_are_not_there_are_named(store: Store) -> None:
    store.add_run(make_run(), make_samples())
    with pytest.raises(UnknownName, match="latency of invocation 9"):
        store.samples("run-000001", 9)


def test_samples_inside_the_record_move_to_blobs(store: Store) -> None:
    run = make_run(invocations=[Invocation(index=0, round=0, order=0, latency_ns=[5_000_000_000, 7])])
    store.add_run(run)
    assert store.samples(run.id, 0).tolist() == [5_000_000_000, 7]
    assert store.run(run.id).invocations[0].latency_ns is None


def test_one_session_and_one_run_only_once(store: Store) -> None:
    store.add_run(make_run())
    with pytest.raises(StoreError, match="run run-000001 is already stored"):
        store.add_run(make_run())
    with pytest.raises(StoreError, match="session session-1 is already stored"):
        store.add_session(make_session())


def test_a_run_needs_its_session(store: Store) -> None:
    with pytest.raises(StoreError, match="session other, which is not stored"):
        store.add_run(make_run(session="other"))
    assert count(store, "series") == 0


def test_a_run_that_cannot_be_packed_leaves_nothing(store: Store) -> None:
    with pytest.raises(ValueError, match="int64"):
        store.add_run(make_run(), {SampleKey(): np.ones(3)})
    assert store.history() == []
    assert count(store, "artifact") == 0


def test_session_is_updated(store: Store) -> None:
    later = make_session(
        prepared={"governor": "performance"}, plan=[PlanStep(round=0, variant="b", pass_="soak")], noise_floor=0.018
    )
    store.update_session(later)
    assert store.session("session-1") == later
    assert count(store, "plan_step") == 1
    assert store.noise_floor("serial-7") == 0.018
    with pytest.raises(UnknownName):
        store.update_session(make_session("absent"))


def test_a_lost_run_is_replaced_when_collected(store: Store) -> None:
    store.add_run(make_run(status="failed", code="device-lost"), make_samples(1))
    store.replace_run(make_run(p50=9.0), make_samples(2))
    assert store.run("run-000001").metrics["latency_p50"].value == 9.0
    assert store.samples("run-000001", 0).tolist() == make_samples(2)[SampleKey(0)].tolist()
    assert (count(store, "run"), count(store, "samples"), count(store, "metric")) == (1, 2, 2)


def test_only_lost_and_interrupted_runs_are_replaced(store: Store) -> None:
    store.add_run(make_run())
    store.add_run(make_run("run-000002", status="failed", code="oom"))
    store.add_run(make_run("run-000003", status="failed", code="interrupted"))
    store.add_session(make_session("session-2"))
    for name in ("run-000001", "run-000002"):
        with pytest.raises(StoreError, match="is complete"):
            store.replace_run(make_run(name))
    with pytest.raises(StoreError, match="belongs to session session-1"):
        store.replace_run(make_run("run-000003", session="session-2"))
    with pytest.raises(UnknownName):
        store.replace_run(make_run("run-000009"))


def test_names_of_runs(store: Store) -> None:
    for name in ("run-abc-1", "run-abd-1", "RUN_ab%"):
        store.add_run(make_run(name))
    assert store.run("run-ab" + "c").id == "run-abc-1"
    assert store.run("run-abd-1").id == "run-abd-1"
    assert store.run("RUN_ab").id == "RUN_ab%"
    with pytest.raises(UnknownName) as caught:
        store.run("run-ab")
    assert caught.value.hint == "runs that begin so: run-abc-1, run-abd-1"
    with pytest.raises(UnknownName) as caught:
        store.run("run-a")
    assert "at least 6 characters" in (caught.value.hint or "")
    with pytest.raises(UnknownName) as caught:
        store.run("run-abx-1")
    assert "newest: " in (caught.value.hint or "")


def test_last_is_the_newest_by_time(store: Store) -> None:
    with pytest.raises(UnknownName, match="last") as caught:
        store.run("last")
    assert caught.value.hint == "the store is empty"
    store.add_run(make_run("run-00000a", started_at="2026-03-01T13:00:00+01:00"))
    store.add_run(make_run("run-00000b", started_at="2026-03-01T12:00:01Z"))
    store.add_run(make_run("run-00000c", started_at="2026-03-01T12:00:00.5Z"))
    assert store.run("last").id == "run-00000b"
    assert ids(store.history()) == ["run-00000b", "run-00000c", "run-00000a"]
    assert store.session("last").id == "session-1"


def test_times_sort_as_text() -> None:
    assert (
        utc_text("2026-03-01T12:00:00Z")
        < utc_text("2026-03-01T12:00:00.1Z")
        < utc_text(datetime(2026, 3, 2, tzinfo=UTC))
    )
    with pytest.raises(StoreError, match="is not a time"):
        utc_text("yesterday")


@pytest.fixture
def nightly(store: Store) -> Store:
    """Four runs: two models, two devices, two outcomes, over two days."""
    other = DeviceRef(name="nano", id="serial-8")
    store.add_run(make_run("run-000001", started_at="2026-03-01T00:00:00Z"))
    store.add_run(make_run("run-000002", started_at="2026-03-02T00:00:00Z", status="failed", code="oom"))
    store.add_run(
        make_run("run-000003", started_at="2026-03-02T01:00:00Z", device=other, tags={"a": "b", "suite": "x"})
    )
    store.add_run(make_run("run-000004", started_at="2026-03-03T00:00:00Z", variant=make_variant(model="rfdn")))
    return store


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), "4321"),
        (Filters(limit=2), "43"),
        (Filters(device="pi"), "421"),
        (Filters(device="serial-8"), "3"),
        (Filters(device="absent"), ""),
        (Filters(model="rfdn"), "4"),
        (Filters(tags={"suite": "nightly"}), "421"),
        (Filters(tags={"suite": "x", "a": "b"}), "3"),
        (Filters(tags={"suite": "nightly", "a": "b"}), ""),
        (Filters(since="2026-03-02"), "432"),
        (Filters(since=datetime(2026, 3, 2, 0, 30, tzinfo=UTC)), "43"),
        (Filters(status="ok"), "431"),
        (Filters(status=["failed", "skipped"]), "2"),
        (Filters(series=series_key(make_run())), "21"),
        (Filters(device="pi", model="esrgan", since="2026-03-02", status="failed"), "2"),
    ],
)
def test_history_filters(nightly: Store, filters: Filters, expected: str) -> None:
    assert ids(nightly.history(filters)) == [f"run-00000{digit}" for digit in expected]


def test_latest_is_the_newest_of_each_series_however_it_ended(nightly: Store) -> None:
    rows = nightly.latest()
    assert [(row.model, row.device, row.id, row.status) for row in rows] == [
        ("esrgan", "nano", "run-000003", "ok"),
        ("esrgan", "pi", "run-000002", "failed"),
        ("rfdn", "pi", "run-000004", "ok"),
    ]
    assert rows[0].latency_p50 == 12.5
    assert rows[1].latency_p50 is None
    assert rows[0].simulated is False
    assert [row.id for row in nightly.latest(device="serial-7", model="rfdn")] == ["run-000004"]


def test_session_runs_are_in_order(nightly: Store) -> None:
    assert ids(nightly.session_runs("session-1")) == [f"run-00000{digit}" for digit in "1234"]
    assert nightly.session_runs("absent") == []


def test_noise_floor(store: Store) -> None:
    assert store.noise_floor("serial-7") is None
    store.set_noise_floor("serial-7", 0.02)
    assert store.noise_floor("serial-7") == 0.02
    with pytest.raises(UnknownName, match="unknown device 'serial-9'"):
        store.set_noise_floor("serial-9", 0.02)


def test_baseline_is_pinned_for_its_series(nightly: Store) -> None:
    series = series_key(make_run())
    assert nightly.baseline(series) is None
    nightly.pin_baseline("run-000001")
    nightly.pin_baseline("run-000001")
    pinned = nightly.baseline(series)
    assert pinned is not None
    assert pinned.id == "run-000001"
    with pytest.raises(StoreError, match="failed: a baseline needs figures"):
        nightly.pin_baseline("run-000002")
    with pytest.raises(UnknownName):
        nightly.pin_baseline("run-000009")


def test_equal_facts_are_one_snapshot(store: Store) -> None:
    store.add_session(make_session("session-2"))
    assert count(store, "device_snapshot") == 1
    changed = msgspec.structs.replace(make_session().device, facts={"kernel": "6.7"}, name="pi-renamed")
    store.add_session(make_session("session-3", device=changed))
    assert count(store, "device_snapshot") == 2
    assert count(store, "device") == 1


def test_a_renamed_device_keeps_its_history(store: Store) -> None:
    store.add_run(make_run())
    store.add_run(make_run("run-000002", device=DeviceRef(name="kitchen", id="serial-7", profile="raspberry-pi-5")))
    assert ids(store.history(Filters(device="kitchen"))) == ["run-000002", "run-000001"]


SAME_SERIES = {
    "artifact": {"variant": make_variant(artifact=msgspec.structs.replace(make_variant().artifact, sha256="cd" * 32))},
    "fallback": {"variant": make_variant(accelerator=Asked(requested="auto", effective="cpu"))},
    "unknown": {"variant": make_variant(accelerator=Asked(requested="cpu"))},
    "tags": {"tags": {}},
    "name": {"device": DeviceRef(name="other", id="serial-7")},
}
OTHER_SERIES = {
    "model": {"variant": make_variant(model="x")},
    "label": {"variant": make_variant(label="x")},
    "backend": {"variant": make_variant(backend="tflite")},
    "accelerator": {"variant": make_variant(accelerator=Asked(requested="cpu", effective="gpu"))},
    "requested precision": {"variant": make_variant(precision=Precision(requested="fp16"))},
    "precision": {"variant": make_variant(precision=Precision(effective=PrecisionParts(compute="fp16")))},
    "threads": {"variant": make_variant(threads=Asked(effective=2))},
    "batch": {"variant": make_variant(batch=2)},
    "shapes": {"variant": make_variant(shapes={"x": [1]})},
    "options": {"variant": make_variant(options={"a": "b"})},
    "device": {"device": DeviceRef(name="pi", id="serial-9")},
    "kind": {"kind": "reported"},
}


@pytest.mark.parametrize("change", SAME_SERIES.values(), ids=SAME_SERIES.keys())
def test_same_series(change: dict[str, object]) -> None:
    assert series_key(make_run(**change)) == series_key(make_run())


@pytest.mark.parametrize("change", OTHER_SERIES.values(), ids=OTHER_SERIES.keys())
def test_other_series(change: dict[str, object]) -> None:
    assert series_key(make_run(**change)) != series_key(make_run())


def test_series_key_does_not_depend_on_the_order_of_options() -> None:
    one, two = make_variant(options={"a": "1", "b": "2"}), make_variant(options={"b": "2", "a": "1"})
    assert series_key(make_run(variant=one)) == series_key(make_run(variant=two))


def test_rows_are_there_for_another_connection_at_once(store: Store, path: Path) -> None:
    with open_store(str(path)) as second:
        store.add_run(make_run())
        assert second.run("last").id == "run-000001"


def test_hot_questions_use_an_index(nightly: Store) -> None:
    newest = "ORDER BY started_at DESC, id DESC"
    questions = {
        f"SELECT id FROM run WHERE series_key = 'x' {newest}": "ix_run_series_key_started_at_id",
        f"SELECT id FROM run {newest} LIMIT 1": "ix_run_started_at_id",
        "SELECT * FROM v_latest": "ix_run_series_key_started_at_id",
    }
    with nightly.view() as connection:
        for question, index in questions.items():
            plan = " | ".join(row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + question))
            assert index in plan
            assert "SCAN r " not in plan
            assert "SCAN r |" not in plan

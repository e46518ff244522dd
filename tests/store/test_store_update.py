"""Figures added to a finished run afterwards."""

import msgspec
import numpy as np
import pytest
from store_builders import make_run, make_samples

from edgebench.errors import StoreError, UnknownName
from edgebench.records import Metric, PowerInfo
from edgebench.store import SampleKey


def with_power(run):
    metrics = run.metrics | {"power_mean": Metric(unit="W", value=4.5)}
    return msgspec.structs.replace(run, metrics=metrics, power=PowerInfo(state="ok", source="csv:meter.csv"))


def test_later_figures_take_the_place_of_the_old_and_samples_stay(store):
    samples = make_samples()
    store.add_run(make_run(), samples)
    store.update_run(with_power(store.run("run-000001")))
    found = store.run("run-000001")
    assert found.metrics["power_mean"].value == 4.5
    assert found.power.source == "csv:meter.csv"
    assert store.latest()[0].power_mean == 4.5
    assert np.array_equal(store.samples("run-000001"), samples[SampleKey(0)])
    assert store.check() == []


def test_only_a_stored_run_of_the_same_session_is_updated(store):
    store.add_run(make_run())
    with pytest.raises(UnknownName, match="run-000002"):
        store.update_run(make_run("run-000002"))
    with pytest.raises(StoreError, match="belongs to session session-1"):
        store.update_run(make_run(session="session-2"))

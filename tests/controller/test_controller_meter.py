"""Reading a meter's file."""

import threading

import numpy as np
import pytest

from edgebench.controller.meter import follow_meter, meter_rate_hz, read_meter
from edgebench.errors import UsageError


def test_columns_are_found_by_name_and_a_line_being_written_is_left_out(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("volts, watts, t_unix_s\n5.0,3.5,100.0\n5.0,3.75,100.5\n5.0,4.0,101.0\n5.0,9")
    meter = read_meter(path)
    assert np.array_equal(meter.t_unix_s, [100.0, 100.5, 101.0])
    assert np.array_equal(meter.watts, [3.5, 3.75, 4.0])
    assert (meter.rate_hz, meter.resolution_w) == (2.0, 0.25)
    assert meter_rate_hz(path) == 2.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,power\n1,2\n", "no column 't_unix_s'"),
        ("1.0,2.0\n2.0,x\n", "line 2: '2.0,x' is no sample"),
        ("1.0,2.0\n2.0\n", "line 2"),
        ("1.0,2.0\n2.0,nan\n", "line 2"),
        ("2.0,2.0\n1.0,2.0\n", "time does not go on at 1.000"),
    ],
)
def test_what_is_no_sample_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        read_meter(path)
    assert "t_unix_s,watts" in caught.value.hint


def test_a_growing_file_is_followed_until_it_is_long_enough(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("1.0,2.0\n")
    written = threading.Timer(0.05, lambda: path.write_text("1.0,2.0\n2.0,2.0\n3.0,2.0\n"))
    written.start()
    meter = follow_meter(path, until_unix_s=3.0, patience_s=30.0)
    written.join()
    assert meter.t_unix_s[-1] == 3.0


def test_a_file_that_does_not_grow_is_taken_as_it_is(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("")
    assert follow_meter(path, until_unix_s=3.0, patience_s=0.0).rate_hz is None

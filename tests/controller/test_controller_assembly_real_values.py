"""A quantised network's numbers as real values, and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgebench.artifacts.tensor_spec import TensorSpec
from edgebench.controller.assembly.real_values import alike, for_reference, to_real, to_stored

SCALE = (0.5, -3)
INT8 = TensorSpec("x", "int8", (1, 4), SCALE)
FLOAT = TensorSpec("x", "float32", (1, 4))


@given(st.lists(st.integers(-128, 127), min_size=1), st.floats(1e-6, 1e3), st.integers(-128, 127))
def test_stored_values_come_back_as_they_were(stored, scale, zero_point):
    array = np.array(stored, np.int8)
    np.testing.assert_array_equal(to_stored(to_real(array, (scale, zero_point)), (scale, zero_point), "int8"), array)


def test_a_float_reference_gets_the_real_values():
    fed = for_reference({"x": np.array([-3, -1, 5], np.int8)}, [INT8], [FLOAT])
    assert fed["x"].dtype == np.float32
    assert fed["x"].tolist() == [0.0, 1.0, 4.0]


def test_an_integer_reference_gets_what_it_stores():
    other = TensorSpec("x", "uint8", (1, 4), (0.25, 10))
    assert for_reference({"x": np.array([-3, -1], np.int8)}, [INT8], [other])["x"].tolist() == [10, 14]
    fed = for_reference({"x": np.array([0.0, 1.0], np.float32)}, [FLOAT], [other])["x"]
    assert (fed.dtype, fed.tolist()) == (np.uint8, [10, 14])


def test_inputs_of_one_type_stay_as_they_are():
    array = np.array([1, 2], np.int8)
    assert for_reference({"x": array}, [INT8], [INT8])["x"] is array
    assert for_reference({"i": array}, [], [])["i"] is array


def test_outputs_are_compared_as_real_values_where_one_side_is():
    stored, real = {"y": np.array([-3, 1], np.int8)}, {"y": np.array([0.0, 2.0], np.float32)}
    spec = TensorSpec("y", "int8", (2,), SCALE)
    np.testing.assert_array_equal(alike(stored, [spec], real)["y"], real["y"])
    assert alike(stored, [spec], stored)["y"] is stored["y"]

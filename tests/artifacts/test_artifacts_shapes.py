"""Shapes: what the file fixes, what the user gives, and the batch."""

from __future__ import annotations

import onnx_models as nets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.artifacts import ShapeError, parse_shape, resolve_shapes, shape_text
from edgebench.artifacts.onnx_model import describe
from edgebench.errors import ModelError, UnknownName, UsageError


def info(*inputs):
    """A ModelInfo with inputs of these (name, dims)."""
    values = [nets.value(name, dims) for name, dims in inputs]
    return describe(nets.model([], values, [nets.value("y", None)]))


SR = info(("x", ["batch", 3, "h", "w"]))


@pytest.mark.parametrize(
    "text", ["x", "=1x3", "x=", "x=1x", "x=1,3", "x=0x3", "x=-1x3", "x=1x3x", "x=ax3", "x=\uff11x3", "x=1 x3"]
)
def test_malformed_shapes(text):
    with pytest.raises(UsageError, match="cannot read the shape") as caught:
        parse_shape(text)
    assert "--shape x=1x3x180x320" in caught.value.hint


@settings(derandomize=True, max_examples=100, deadline=None)
@given(name=st.text(min_size=1), dims=st.lists(st.integers(1, 2**31), min_size=1, max_size=6))
def test_shapes_survive_a_round_trip(name, dims):
    assert parse_shape(f"{name}={shape_text(tuple(dims))}") == (name, tuple(dims))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(text=st.text(alphabet="x=0123456789-, ab\n", max_size=20))
def test_any_text_is_a_shape_or_a_usage_error(text):
    try:
        name, dims = parse_shape(text)
    except UsageError:
        return
    assert text == f"{name}={shape_text(dims)}" or "=0" in text
    assert min(dims) >= 1


def test_given_shapes_fill_the_symbols():
    assert resolve_shapes(SR, {"x": (1, 3, 180, 320)}) == {"x": (1, 3, 180, 320)}


def test_fixed_models_need_nothing():
    assert resolve_shapes(describe(nets.conv_net()), {}) == {"x": (1, 3, 8, 8)}


def test_unknown_input_names_the_nearest():
    with pytest.raises(UnknownName, match="'imput'") as caught:
        resolve_shapes(info(("input", [1])), {"imput": (1,)})
    assert caught.value.hint == "did you mean `input`?"


def test_unset_axes_are_listed_with_the_option_to_give():
    with pytest.raises(ShapeError, match="input `x` has unset axes h, w") as caught:
        resolve_shapes(SR, {})
    assert caught.value.hint == "--shape x=1x3xHxW"
    assert caught.value.code == "shape-mismatch"
    assert isinstance(caught.value, ModelError)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("symbol", [None, "?", "p2o.DynamicDimension.1"])
def test_unnamed_axes_are_called_by_their_place(symbol):
    with pytest.raises(ShapeError, match="axis 1") as caught:
        resolve_shapes(info(("x", [1, symbol])), {})
    assert caught.value.hint == "--shape x=1xD1"


def test_unnamed_axes_are_not_the_same_axis():
    assert resolve_shapes(info(("x", ["?", 3, "?", "?"])), {"x": (1, 3, 48, 192)}) == {"x": (1, 3, 48, 192)}


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((3, 180, 320), "has 4 axes, 3x180x320 has 3"),
        ((1, 4, 180, 320), "axis 1 of input `x` is fixed at 3, not 4"),
    ],
)
def test_conflicts_with_the_file(shape, says):
    with pytest.raises(ShapeError, match=says) as caught:
        resolve_shapes(SR, {"x": shape})
    assert caught.value.hint == "the model has x float32 [batch, 3, h, w]"


def test_one_symbol_has_one_value():
    two = info(("x", ["n", 3, "h", "w"]), ("mask", ["n", 1, "h", "w"]))
    with pytest.raises(ShapeError, match="`h` is given as 8 and as 9"):
        resolve_shapes(two, {"x": (1, 3, 8, 8), "mask": (1, 1, 9, 8)})
    # the second input follows from the first
    assert resolve_shapes(two, {"x": (2, 3, 8, 9)})["mask"] == (2, 1, 8, 9)


@pytest.mark.parametrize("symbol", ["batch", "N", "batch_size", None, "", "?", "unk__7", "p2o.DynamicDimension.0"])
def test_the_batch_axis_by_its_name(symbol):
    net = info(("x", [symbol, 3]))
    assert resolve_shapes(net, {}) == {"x": (1, 3)}
    assert resolve_shapes(net, {}, batch=4) == {"x": (4, 3)}


def test_a_first_axis_of_another_name_is_no_batch():
    with pytest.raises(ShapeError, match="unset axes seq"):
        resolve_shapes(info(("x", ["seq", 3])), {}, batch=4)


def test_a_given_shape_sets_the_batch_of_the_others():
    net = info(("x", ["N", 3]), ("state", [2, "N", 8]))
    assert resolve_shapes(net, {"x": (5, 3)}) == {"x": (5, 3), "state": (2, 5, 8)}
    assert resolve_shapes(net, {}, batch=4) == {"x": (4, 3), "state": (2, 4, 8)}


def test_a_given_shape_of_one_item_takes_the_batch():
    assert resolve_shapes(SR, {"x": (1, 3, 8, 8)}, batch=4) == {"x": (4, 3, 8, 8)}


def test_a_batch_against_a_given_shape():
    with pytest.raises(ShapeError, match="batch 4 is asked for"):
        resolve_shapes(SR, {"x": (2, 3, 8, 8)}, batch=4)
    assert resolve_shapes(SR, {"x": (4, 3, 8, 8)}, batch=4) == {"x": (4, 3, 8, 8)}


def test_a_batch_that_the_model_does_not_have():
    fixed = describe(nets.conv_net())
    assert resolve_shapes(fixed, {}, batch=1) == {"x": (1, 3, 8, 8)}
    with pytest.raises(ShapeError, match="no batch axis that can be 2"):
        resolve_shapes(fixed, {}, batch=2)


def test_unknown_rank_must_be_given():
    net = info(("x", None))
    with pytest.raises(ShapeError, match="no known rank"):
        resolve_shapes(net, {})
    assert resolve_shapes(net, {"x": (1, 2)}) == {"x": (1, 2)}

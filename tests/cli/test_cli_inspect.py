"""`edgebench inspect`."""

import pytest
import small_models as models
from cli_program import Program


def test_the_page_has_the_figures_by_name(tmp_path):
    models.convolution(tmp_path / "m.onnx", zeros=60)
    said = Program(tmp_path)("inspect", "m.onnx", "--top", "1")
    assert said.code == 0
    for text in (
        "x float32 [1, 3, 8, 8]",
        "112, 60 of them zero",
        "6 912 (6.91 k)",
        "14 080 (14.1 k)",
        "256 outputs of convolutions",
        "at relu",
        "ONNX Runtime 1.10  JetPack 4 (Python 3.6)   yes",
        "54% of the weights are zero",
    ):
        assert text in said.out
    nodes = said.out[said.out.index("\nnode ") :].splitlines()
    assert nodes[2].split() == ["conv", "Conv", "6.91", "k", "13.8", "k", "256", "100.0%"]
    assert nodes[3] == ""


def test_unset_axes_name_the_option_and_no_figure_is_zero(tmp_path):
    models.convolution(tmp_path / "m.onnx", height="H", width="W")
    program = Program(tmp_path)
    said = program("inspect", "m.onnx")
    assert said.code == 0
    assert "not counted: input `x` has unset axes H, W; give --shape x=1x3xHxW" in said.out
    assert "MACs   FLOPs" not in said.out
    given = program("inspect", "m.onnx", "--shape", "x=1x3x16x8", "--json", "-").document
    assert (given["schema"], given["graph"]["macs"]) == ("edgebench.inspect/1", 108 * 128)


def test_the_shares_are_of_what_was_asked_for(tmp_path):
    models.convolution(tmp_path / "m.onnx")
    said = Program(tmp_path)("inspect", "m.onnx", "--flops-as", "flops")
    assert "of FLOPs" in said.out
    assert "1.8%" in said.out  # 256 of 14 080


def test_a_refusing_runtime_says_why_and_the_cure(tmp_path):
    models.convolution(tmp_path / "m.onnx", ir_version=10)
    said = Program(tmp_path)("inspect", "m.onnx")
    assert "no: m.onnx is stamped newer than" in said.out
    assert "cures" in said.out
    assert "m.ir_version = 8" in said.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.onnx"], "no such file"),
        (["m.onnx", "--shape", "y=1x3x8x8"], "known: x"),
        (["m.onnx", "--shape", "x=1x3x9x9"], "fixed at 8"),
        (["m.onnx", "--flops-as", "ops"], "takes macs or flops"),
        (["m.pth"], "torch.onnx.export"),
    ],
)
def test_what_cannot_be_inspected_says_what_to_do(tmp_path, arguments, said):
    models.convolution(tmp_path / "m.onnx")
    (tmp_path / "m.pth").write_bytes(b"\x80\x02" + bytes(64))
    found = Program(tmp_path)("inspect", *arguments)
    assert (found.code, found.out) == (2, "")
    assert said in found.err


def test_a_board_has_a_roofline_and_int8_on_a_nano_no_time(tmp_path):
    models.convolution(tmp_path / "m.onnx")
    program = Program(tmp_path)
    said = program("inspect", "m.onnx", "--device", "jetson-nano")
    assert said.code == 0
    for text in (
        "jetson-nano: GPU Maxwell",
        "layer in fp32",
        "bound by",
        "unsupported by GPU Maxwell (sm_53)",
        "roofs: ",
    ):
        assert text in said.out
    found = program("inspect", "m.onnx", "--device", "jetson-nano", "--precision", "fp16", "--json", "-").document
    assert found["roofline"]["precision"] == "fp16"
    assert [one["bound_ms"] for one in found["roofline"]["precisions"] if one["precision"] == "int8"] == [None]
    assert program("inspect", "m.onnx", "--json", "-").document["roofline"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "jetson-nan0"], "did you mean `jetson-nano`?"),
        (["--device", "jetson-nano", "--precision", "int8"], "sm_53"),
        (["--precision", "fp16"], "--device NAME"),
        (["--device", "generic-linux"], "devices calibrate generic-linux"),
    ],
)
def test_a_roofline_that_cannot_be_says_what_to_do(tmp_path, arguments, said):
    models.convolution(tmp_path / "m.onnx")
    found = Program(tmp_path)("inspect", "m.onnx", *arguments)
    assert (found.code, found.out) == (2, "")
    assert said in found.err

"""Bad input: every mistake is one clear line with what to do next, the right exit code, and nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnx_makers as makers
import pytest
from environments import old_runtime_python
from PIL import Image
from rooms import SHORT, Done, Room

from edgebench.cli.app import main
from edgebench.cli.output import set_verbosity


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A local room with good and bad files in its folder."""
    room = Room(tmp_path_factory.mktemp("input"), "local")
    write_models(room.folder)
    write_inputs(room.folder)
    room.add_device("misdeclared", profile="jetson-nanno")
    room.add_device("ownprofile", profile="mine")
    profiles = room.config / "profiles"
    profiles.mkdir()
    (profiles / "mine.toml").write_text('name = "mine"\nextends = "generic-linux"\nscheam = 1\n')
    return room


def write_models(folder: Path) -> None:
    good = makers.conv(folder / "conv.onnx").read_bytes()
    makers.conv(folder / "batched.onnx", "N")
    makers.two_and_two(folder / "two.onnx")
    makers.embedding(folder / "ids.onnx")
    makers.save(
        folder / "open.onnx",
        [makers.helper.make_node("Relu", ["x"], ["y"])],
        [makers.value("x", ["N", 3, "height", "width"])],
        [makers.value("y", None)],
    )
    (folder / "empty.onnx").touch()
    (folder / "notes.onnx").write_text("no model, just notes\n")
    (folder / "cut.onnx").write_bytes(good[: len(good) // 2])
    (folder / "net.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    (folder / "saved").mkdir()
    (folder / "saved" / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    for name, member in (("net.pth", "archive/data.pkl"), ("net.keras", "config.json")):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr(member, "{}")


def write_inputs(folder: Path) -> None:
    np.savez(folder / "good.npz", x=np.zeros((1, 3, 8, 8), np.float32))
    np.savez(folder / "names.npz", ecks=np.zeros((1, 3, 8, 8), np.float32))
    np.savez(folder / "dtype.npz", x=np.zeros((1, 3, 8, 8), np.float64))
    np.savez(folder / "shape.npz", x=np.zeros((1, 4, 8, 8), np.float32))
    np.savez(folder / "batch4.npz", x=np.zeros((4, 3, 8, 8), np.float32))
    np.savez(folder / "objects.npz", x=np.array([{}], object))
    (folder / "junk.npz").write_bytes(b"junk")
    (folder / "nothing").mkdir()
    (folder / "photos").mkdir()
    (folder / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n junk")
    Image.new("RGB", (8, 8)).save(folder / "picture.png")
    (folder / "text.csv").write_text("1,2\n")


def edgebench_here(room: Room, capfd: pytest.CaptureFixture[str], *args: str, **env: str) -> Done:
    """`edgebench ARGS` in this process: the mistakes below are found before a process or device would matter."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    argv, environ = sys.argv, dict(os.environ)
    sys.argv = ["edgebench", *args]
    os.environ.update(room.env | env)
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(environ)
        set_verbosity(0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    said = capfd.readouterr()
    return Done(code, said.out, said.err)


# what is typed after `run --device board`, what the error says, what its hint says
MISTAKES = {
    "missing": ("conf.onnx", "no such file: ", "did you mean `conv.onnx`?"),
    "missing folder": ("no/such/folder.onnx", "no such file: no/such/folder.onnx", "there is no model in no/such"),
    "no model": ("notes.onnx", "notes.onnx is truncated or damaged", "compare its size with the original"),
    "empty": ("empty.onnx", "empty.onnx is empty", "download the file itself"),
    "truncated": ("cut.onnx", "cut.onnx is truncated or damaged", "compare its size with the original"),
    "pytorch": ("net.pth", "is a PyTorch checkpoint", "torch.onnx.export(model.eval(), "),
    "saved model": ("saved", "is a TensorFlow SavedModel", "python -m tf2onnx.convert --saved-model "),
    "keras": ("net.keras", "is a Keras model", "tf2onnx.convert --keras MODEL"),
    "keras h5": ("net.h5", "is a Keras .h5 model", "tf2onnx.convert --keras MODEL"),
    "shape name": ("open.onnx --shape ex=1x3x8x8", "unknown input 'ex'", "x"),
    "shape rank": ("conv.onnx --shape x=3x8x8", "has 4 axes, 3x8x8 has 3", "the model has x float32 [1, 3, 8, 8]"),
    "shape size": ("conv.onnx --shape x=1x4x8x8", "axis 1 of input `x` is fixed at 3, not 4", "[1, 3, 8, 8]"),
    "shape syntax": ("conv.onnx --shape x:1x3", "cannot read the shape 'x:1x3'", "--shape x=1x3x180x320"),
    "shape twice": ("open.onnx --shape x=1x3x8x8 --shape x=1x3x9x9", "--shape x is given twice", ""),
    "unset axes": ("open.onnx", "input `x` has unset axes height, width", "--shape x=1x3xHEIGHTxWIDTH"),
    "fixed batch": ("conv.onnx --batch 2", "no batch axis that can be 2", "export it with that batch"),
    "batch 0": ("batched.onnx --batch 0", "--batch takes numbers from 1 on", ""),
    "threads": ("conv.onnx --threads two", "--threads takes whole numbers, not 'two'", "--threads 1,2"),
    "backend": ("conv.onnx --backend onnxruntme", "unknown backend 'onnxruntme'", "did you mean `onnxruntime`?"),
    "accelerator": ("conv.onnx --accelerator cdua", "no accelerator 'cdua'", "did you mean `cuda`?"),
    "precision": ("conv.onnx --precision fp61", "unknown precision 'fp61'", "did you mean `fp16`?"),
    "prepare key": ("conv.onnx --prepare governer=x", "unknown --prepare key 'governer'", "did you mean `governor`?"),
    "prepare value": ("conv.onnx --prepare fan=full", "--prepare fan takes max, auto or a share", ""),
    "affinity": ("conv.onnx --prepare affinity=all", "takes CPU numbers, not 'all'", "affinity=0-3,6"),
    "pairs": ("conv.onnx --option optimization", "--option takes KEY=VALUE", "--option name=value"),
    "share": ("conv.onnx --require-delegated most", "takes a share such as 95%", ""),
    "range": ("conv.onnx --input-range 255,0", "255 is not below 0", ""),
    "quick and publish": ("conv.onnx --quick --publish", "--quick and --publish exclude each other", ""),
    "label of two": ("conv.onnx two.onnx --label one", "--label names one row", "use --tag"),
    "quality": ("conv.onnx --quality psnr=good", "--quality psnr takes a number", ""),
    "library": ("conv.onnx --option custom_op_library=no.so", "custom_op_library: no such file: no.so", "this host"),
    "no reference": ("conv.onnx --reference con.onnx", "no such file: con.onnx", "did you mean `conv.onnx`?"),
    "reference": ("conv.onnx --reference two.onnx", "two.onnx takes a, b; conv.onnx takes x", "the same network"),
    "input": ("conv.onnx --input god.npz", "god.npz: no such input", "did you mean `good.npz`?"),
    "input names": ("conv.onnx --input names.npz", "names.npz has ecks; the model takes x", ""),
    "input dtype": ("conv.onnx --input dtype.npz", "x is float64, the model takes float32", "astype('float32')"),
    "input shape": ("conv.onnx --input shape.npz", "x is 1x4x8x8, which the model does not take", "[1, 3, 8, 8]"),
    "input and shape": ("open.onnx --input good.npz --shape x=1x3x9x9", "not the 1x3x9x9 of --shape", "leave out"),
    "input and batch": ("batched.onnx --input batch4.npz --batch 2", "is given as 4x3x8x8", "leave out --batch"),
    "input of one and batch": ("batched.onnx --input good.npz --batch 2", "a batch of 1, not the 2 asked", "leave out"),
    "input junk": ("conv.onnx --input junk.npz", "junk.npz cannot be read as arrays", "numpy.savez"),
    "input objects": ("conv.onnx --input objects.npz", "objects.npz cannot be read as arrays", "of numbers only"),
    "input kind": ("conv.onnx --input text.csv", "text.csv is no input file", ".npz, .npy, .png"),
    "input folder": ("conv.onnx --input nothing", "nothing: no input files in it", ".png"),
    "photo junk": ("conv.onnx --input photos", "broken.png is no image that can be read", "export it again"),
    "photo of two": ("two.onnx --input picture.png", "several inputs takes no photographs", "one array for each"),
    "photo of ids": ("ids.onnx --input picture.png", "takes no photographs", "give .npz files"),
    "json": ("conv.onnx --json no/such/report.json", "cannot write no/such/report.json", "another file with --json"),
    "store": ("conv.onnx --store /proc/none/store.db", "cannot make the store's folder /proc/none", "--store PATH"),
    "store kind": ("conv.onnx --store notes.onnx", "notes.onnx is not an edgebench store", "--store PATH"),
    "device": ("conv.onnx --device bord", "unknown device 'bord'", "did you mean `board`?"),
    "profile": ("conv.onnx --device misdeclared", "unknown profile 'jetson-nanno'", "did you mean `jetson-nano`?"),
    "profile key": ("conv.onnx --device ownprofile", "scheam", "did you mean `schema`?"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_with_a_hint(
    case: str, place: Room, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed, said, hint = MISTAKES[case]
    monkeypatch.chdir(place.folder)
    device = [] if "--device" in typed else ["--device", "board"]
    done = edgebench_here(place, capfd, "run", *device, *SHORT, *typed.split())
    assert done.returncode == 2
    assert done.stdout == ""
    error, *rest = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert len(rest) == (1 if rest else 0)
    assert not hint or (rest[0].startswith("hint: ") and hint in rest[0])


def test_nothing_was_stored_and_no_device_touched_by_mistakes(place: Room) -> None:
    assert not list(place.home.glob("jobs/*"))
    assert not list(place.home.glob("artifacts/*"))
    assert place.history() == []


def test_an_option_with_a_typo_names_the_right_one(place: Room, capfd: pytest.CaptureFixture[str]) -> None:
    done = edgebench_here(place, capfd, "run", str(place.folder / "conv.onnx"), "--presicion", "fp16")
    assert done.returncode == 2
    assert "No such option: --presicion" in done.stderr
    assert "--precision" in done.stderr


def test_a_store_of_the_environment_that_cannot_be(place: Room, capfd: pytest.CaptureFixture[str]) -> None:
    model = str(place.folder / "conv.onnx")
    done = edgebench_here(place, capfd, "run", "--device", "board", model, EDGEBENCH_STORE="/proc/none/store.db")
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot make the store's folder /proc/none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[oops\n", "at line 1"),
        ("[board]\nhots = 'x'\n", "[board] unknown key 'hots'"),
        ("[board]\ntransport = 'shh'\nhost = 'x'\n", "unknown transport 'shh'"),
        ("[board]\nport = 'x'\n", "port must be a number"),
        ("[board]\ntransport = 'ssh'\n", "[board] has no host"),
        ("board = 1\n", "'board' is not a device"),
        ("\x00\xff", "devices.toml"),
    ],
)
def test_junk_in_devices_toml(tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, said: str) -> None:
    room = Room(tmp_path, "local")
    (room.config / "devices.toml").write_text(text, encoding="latin-1")
    done = edgebench_here(room, capfd, "run", str(makers.conv(tmp_path / "m.onnx")))
    assert done.returncode == 2
    error, *rest = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert len(rest) <= 1


ODD = ["with space and quo\"te's", "semi;$(touch pwned)`touch pwned`&|<>", "-new\nline", "schön-模型 %s{0}~*?"]


def test_odd_names_work_and_never_reach_the_device(room: Room) -> None:
    folder = room.folder / "models"
    folder.mkdir()
    # each its own bytes, so that each is pushed
    paths = [makers.conv(folder / f"{name}.onnx", "N" * (at + 1)) for at, name in enumerate(ODD)]
    shapes = ("--shape", "x=1x3x8x8", "--invocations", "1", "--min-time", "0", "--min-psnr", "30")
    done = room.edgebench(
        "run", "--device", "board", *paths, *SHORT, *shapes, "--json", "-", cwd=folder, timeout=170
    )  # fmt: skip
    assert done.returncode in (0, 5), done.stderr
    assert [run["outcome"]["code"] for run in done.runs] == [None] * len(ODD)
    shown = [run["variant"]["model"] for run in done.runs]
    assert shown == [name.replace("\n", "\\n") for name in ODD]
    seen = [path.name for path in room.home.rglob("*")]
    assert not [name for name in seen if any(part in name for part in ("space", "semi", "new", "schön", "%s"))]
    assert len(list(room.home.glob("artifacts/*/model.onnx"))) == len(ODD)
    assert not list(room.folder.rglob("pwned"))


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A room whose board has JetPack 4's Python 3.6 and ONNX Runtime 1.10."""
    python = old_runtime_python()
    room = Room(tmp_path_factory.mktemp("nano"), "local")
    room.add_device("nano", python=str(python))
    return room


def run_on(room: Room, model: Path) -> Done:
    return room.edgebench("run", "--device", "nano", model, *SHORT, "--json", "-")


NEWER = {
    "ir": ({"ir": 10}, "IR version 10 (8)"),
    "unused opset": ({"opsets": (("", 13), ("ai.onnx.ml", 5))}, "ai.onnx.ml opset 5 (2), which no node uses"),
    "both": ({"ir": 9, "opsets": (("", 13), ("ai.onnx.ml", 5), ("com.microsoft", 1))}, "IR version 9 (8), ai.onnx.ml"),
}


@pytest.mark.parametrize("case", NEWER)
def test_a_stamp_too_new_for_the_device_is_cured_by_the_command_it_is_told(nano: Room, case: str) -> None:
    stamps, said = NEWER[case]
    model = makers.conv(nano.folder / f"it's {case} $x.onnx", **stamps)
    done = run_on(nano, model)
    assert done.returncode == 4
    outcome = done.runs[0]["outcome"]
    assert outcome["code"] == "load-failed"
    assert said in outcome["message"]
    command = outcome["message"].partition("(restamp it: ")[2].removesuffix(")")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(command, shell=True, check=True, cwd="/", env=os.environ | {"PATH": path})
    restamped = model.with_name(f"{model.stem}-restamped.onnx")
    assert onnx.load(restamped).graph == onnx.load(model).graph
    cured = run_on(nano, restamped)
    assert cured.returncode in (0, 5), cured.stderr
    assert cured.runs[0]["variant"]["backend_version"] == "1.10.0"


def test_an_opset_that_nodes_use_cannot_be_restamped(nano: Room) -> None:
    done = run_on(nano, makers.conv(nano.folder / "new.onnx", opsets=(("", 17),)))
    assert done.returncode == 4
    outcome = done.runs[0]["outcome"]
    assert outcome["code"] == "load-failed"
    assert "ai.onnx opset 17; the device's ONNX Runtime 1.10.0 takes up to 15" in outcome["message"]
    assert "opset_version=15" in outcome["message"]


def test_one_bad_row_leaves_the_others(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    good = makers.conv(tmp_path / "good.onnx")
    done = room.run(good, "--precision", "fp16,fp32")
    assert done.returncode == 5
    bad, ok = done.runs
    assert (bad["outcome"]["status"], bad["outcome"]["code"]) == ("failed", "unsupported-precision")
    assert "good.onnx is fp32" in bad["outcome"]["message"]
    assert ok["outcome"]["code"] is None
    assert {run["id"] for run in room.history()} == {bad["id"], ok["id"]}

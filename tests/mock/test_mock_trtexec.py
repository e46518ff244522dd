"""The stand-in trtexec in simulated time: what it says, takes, draws and writes, by release; and how it fails."""

import json
import re
from itertools import pairwise

import numpy as np
import onnx
import pytest
import small_models
from trtexec_bench import MODELS, ManualBoard, Ran

from edgebench.mock.jetson.host import Gone, Killed

NANO, ORIN = "jetson-nano", "jetson-orin-nano"
RELEASES = {"7.1.3.4": NANO, "8.2.1.8": NANO, "8.5.2.2": ORIN, "10.3.0.30": ORIN}
QUICK = ("--duration=0.2", "--warmUp=50")
BIG = f"--onnx={MODELS / 'sr-x2-w16.onnx'}"
"""A model of some milliseconds."""


@pytest.fixture
def folder(tmp_path):
    small_models.convolution(tmp_path / "m.onnx", height=32, width=32)
    return tmp_path


def built(folder, *argv, **of_board):
    """An engine of m.onnx in `e`; the run that made it."""
    ran = Ran(folder, "--onnx=m.onnx", "--saveEngine=e", *QUICK, *argv, **of_board)
    assert ran.code == 0, ran.err
    return ran


def summary(ran, name, figure="median"):
    return float(re.search(rf"\[I\] {name}: .*?\b{figure} = ([\d.e+-]+)", ran.out).group(1))


class TestWords:
    @pytest.mark.parametrize(("version", "name"), RELEASES.items())
    def test_it_begins_and_ends_with_its_banner(self, folder, version, name):
        ran = built(folder, name=name, tensorrt=version)
        mark = {"7": "", "8.2": " [TensorRT v8201]", "8.5": " [TensorRT v8502]", "10": " [TensorRT v100300]"}
        tail = next(text for start, text in mark.items() if version.startswith(start))
        first, last = ran.out.splitlines()[0], ran.out.splitlines()[-1]
        assert first.startswith(f"&&&& RUNNING TensorRT.trtexec{tail} # /usr/src/tensorrt/bin/trtexec --onnx=m.onnx")
        assert last.startswith(f"&&&& PASSED TensorRT.trtexec{tail} # ")

    @pytest.mark.parametrize(("version", "name"), RELEASES.items())
    def test_every_other_line_is_stamped_and_levelled(self, folder, version, name):
        ran = built(folder, name=name, tensorrt=version)
        rest = [line for line in ran.out.splitlines()[1:-1] if not re.match(r"[A-Z].*: |-{64}|\w+:", line)]
        assert rest
        assert all(re.match(r"\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] \[[IV]\] ?", line) for line in rest)

    def test_warnings_and_errors_go_to_stderr_alone(self, folder):
        ran = built(folder, "--int8", name=NANO)
        assert "[W] [TRT] Int8 support requested" in ran.err
        assert not re.search(r"\] \[[WE]\] ", ran.out)

    @pytest.mark.parametrize(("version", "percentiles"), [("8.2.1.8", ["99"]), ("8.5.2.2", ["90", "95", "99"]),
                                                          ("10.3.0.30", ["90", "95", "99"])])  # fmt: skip
    def test_percentiles_and_end_to_end_by_release(self, folder, version, percentiles):
        out = built(folder, name=RELEASES[version], tensorrt=version).out
        row = re.search(r"\[I\] GPU Compute Time: (.*)", out).group(1)
        assert re.findall(r"percentile\((\d+)%\)", row) == percentiles
        assert ("End-to-End Host Latency:" in out) == (version == "8.2.1.8")
        assert ("(end to end " in out) == (version == "8.2.1.8")

    def test_the_summary_has_the_shape_of_captured_ones(self, folder, request):
        """Figures out, the same lines as in the samples of 7.2, 8.4 and 10."""
        data = request.path.parents[1] / "backends/data"
        for sample, version in (("trtexec_84_xavier.txt", "8.4.0.9"), ("trtexec_10.txt", "10.3.0.30")):
            captured = [skeleton(line) for line in (data / sample).read_text().splitlines() if "[I] " in line]
            name = NANO if version < "8.3" and version[0] != "1" else ORIN
            said = {skeleton(line) for line in built(folder, name=name, tensorrt=version).out.splitlines()}
            assert set(captured) <= said

    def test_7_2_has_the_lines_of_its_sample(self, folder, request):
        text = (request.path.parents[1] / "backends/data/trtexec_72_1080ti.txt").read_text()
        said = {skeleton(line) for line in built(folder, name=NANO, tensorrt="7.2.3.4").out.splitlines()}
        assert {skeleton(line.rstrip()) for line in text.splitlines() if "[I] " in line} <= said

    def test_7_1_tells_a_figure_a_line_and_a_throughput_of_nothing(self, folder):
        out = built(folder, name=NANO, tensorrt="7.1.3.4").out
        for line in (r"Host Latency", r"min: [\d.]+ ms \(end to end [\d.]+ ms\)", r"throughput: 0 qps", r"GPU Compute",
                     r"percentile: [\d.]+ ms at 99%", r"total compute time: [\d.]+ s"):  # fmt: skip
            assert re.search(rf"\[I\] {line}\n", out), line
        assert "=== Performance summary ===" not in out

    def test_help_and_no_arguments(self, folder):
        assert Ran(folder, "--help").code == 0
        ran = Ran(folder)
        assert (ran.code, "[E] Model missing or format not recognized" in ran.err) == (1, True)

    @pytest.mark.parametrize(
        ("name", "flag"),
        [
            (NANO, "--memPoolSize=workspace:64"),
            (NANO, "--skipInference"),
            (ORIN, "--workspace=64"),
            (ORIN, "--buildOnly"),
            (ORIN, "--magic"),
        ],
    )
    def test_flags_of_other_releases_are_unknown(self, folder, name, flag):
        ran = Ran(folder, "--onnx=m.onnx", flag, name=name)
        assert ran.code == 1
        assert f"[E] Unknown option: {flag.partition('=')[0]} {flag.partition('=')[2]}\n" in ran.err
        assert "--saveEngine=<file>" in ran.out
        assert ran.out.splitlines()[-1].startswith("&&&& FAILED")
        assert ran.seconds == 0

    def test_a_value_that_is_no_number(self, folder):
        assert "[E] stof" in Ran(folder, "--onnx=m.onnx", "--duration=long").err


def skeleton(line):
    """A line without its stamp and figures."""
    return re.sub(r"[\d.]+(e[+-]?\d+)?", "N", re.sub(r"^\[[^]]*\] ", "", line)).strip()


class TestTimes:
    @pytest.mark.parametrize(("version", "name"), list(RELEASES.items())[1:])
    def test_exported_times_agree_with_the_summary(self, folder, version, name):
        ran = built(folder, "--exportTimes=t.json", name=name, tensorrt=version)
        times = ran.json("t.json")
        warm = [row for row in times if row["startComputeMs"] >= 50]
        assert (len(warm) < len(times)) == (version == "8.2.1.8")  # later releases leave the warm-up out
        assert ("endToEndMs" in times[0]) == (version == "8.2.1.8")
        assert np.median([row["computeMs"] for row in warm]) == pytest.approx(
            summary(ran, "GPU Compute Time"), rel=1e-4
        )
        assert np.median([row["latencyMs"] for row in warm]) == pytest.approx(summary(ran, "Latency"), rel=1e-4)
        row = warm[3]
        assert row["latencyMs"] == pytest.approx(row["h2dMs"] + row["computeMs"] + row["d2hMs"], rel=1e-3)
        assert int(re.search(r"Timing trace has (\d+) queries", ran.out).group(1)) == len(warm)

    def test_old_names_of_times(self, folder):
        built(folder, "--exportTimes=t.json", name=NANO, tensorrt="7.1.3.4")
        row = json.loads((folder / "t.json").read_text())[0]
        assert list(row)[:2] == ["startInMs", "endInMs"]
        assert "startEnqMs" not in row

    def test_copies_overlap_unless_exposed(self, folder):
        for flags, overlap in (((), True), (("--exposeDMA",), False)):
            times = Ran(folder, BIG, *QUICK, "--exportTimes=t.json", *flags, name=ORIN).json("t.json")
            pairs = list(pairwise(times))
            assert any(b["startH2dMs"] < a["endComputeMs"] for a, b in pairs) is overlap
            assert all(b["startComputeMs"] >= a["endComputeMs"] - 0.001 for a, b in pairs)

    def test_without_transfers_there_are_none(self, folder):
        ran = built(folder, "--noDataTransfers")
        assert summary(ran, "H2D Latency", "max") == 0
        assert summary(ran, "Latency") == summary(ran, "GPU Compute Time")

    def test_duration_and_iterations_both_bind(self, folder):
        few = built(folder, "--exportTimes=t.json")
        wall = float(re.search(r"Total Host Walltime: ([\d.]+) s", few.out).group(1))
        assert wall == pytest.approx(0.2, abs=0.01)
        many = built(folder, "--iterations=5000")
        assert int(re.search(r"trace has (\d+) queries", many.out).group(1)) >= 5000

    def test_the_board_spends_the_time_that_is_told(self, folder):
        short, long = (Ran(folder, BIG, f"--duration={d}", "--warmUp=0") for d in (1, 11))
        assert long.seconds - short.seconds == pytest.approx(10, abs=0.05)

    def test_a_slower_clock_takes_longer_where_arithmetic_binds(self, folder):
        fast, slow = (Ran(folder, BIG, *QUICK, slow=share) for share in (1.0, 0.5))
        assert summary(slow, "GPU Compute Time") == pytest.approx(1.9 * summary(fast, "GPU Compute Time"), rel=0.06)

    def test_a_hot_board_slows_down_and_says_that_times_are_unstable(self, folder):
        ran = Ran(folder, BIG, "--duration=20", "--exportTimes=t.json", name=ORIN, hot=True)
        times = [row["computeMs"] for row in ran.json("t.json")]
        assert ran.board.body.throttle_level > 0
        assert np.mean(times[-50:]) > 1.1 * min(times)
        assert "[W] * GPU compute time is unstable, with coefficient of variance = " in ran.err
        calm = Ran(folder, BIG, "--duration=2", name=ORIN)
        assert "unstable" not in calm.err
        old = Ran(folder, BIG, "--duration=20", name=NANO, hot=True)
        assert old.board.body.throttle_level > 0
        assert "unstable" not in old.err  # 8.2 has no such warning

    def test_a_small_model_is_bound_by_its_launches(self, folder):
        ran = built(folder)
        assert summary(ran, "Enqueue Time") > 0.8 * summary(ran, "GPU Compute Time")
        assert "* Throughput may be bound by Enqueue Time rather than GPU Compute" in ran.err
        assert "Enqueue" not in built(folder, "--useCudaGraph").err

    def test_stamps_of_long_runs_are_coarse(self, folder):
        """32-bit floats of ms: after two minutes the exported compute times come in steps of 8 us."""
        ran = Ran(folder, BIG, "--duration=131", "--exportTimes=t.json", "--exposeDMA")
        late = np.array([row["computeMs"] * 128 for row in ran.json("t.json")[-100:]])
        assert np.max(np.abs(late - np.round(late))) < 0.02  # six digits are told

    def test_it_draws_while_it_computes_and_nothing_afterwards(self, folder):
        ran = Ran(folder, BIG, "--duration=5")
        board, idle = ran.board, ran.board.facts.draw.idle
        end = board.lived_s()
        assert board.body.truth(end - 4, end - 0.1).mean_watts > idle + 1
        board.advance_to(board.now_ns() + 2_000_000_000)
        assert board.body.truth(end + 0.1, end + 1.9).mean_watts == pytest.approx(idle, rel=0.02)
        assert all(kib == 0 for kib in board.held.values())
        assert board.peak_kib > 300 * 1024


class TestProfile:
    @pytest.mark.parametrize(("version", "name"), list(RELEASES.items())[1:])
    def test_it_takes_the_place_of_the_times(self, folder, version, name):
        ran = built(
            folder, "--exportProfile=p.json", "--dumpProfile", "--exportTimes=t.json", name=name, tensorrt=version
        )
        assert "The e2e network timing is not reported since it is inaccurate" in ran.out
        assert "=== Performance summary ===" not in ran.out
        assert not (folder / "t.json").exists()
        head, *layers = ran.json("p.json")
        assert head == {"count": head["count"]}
        assert ("medianMs" in layers[0]) == (version != "8.2.1.8")
        assert sum(layer["percentage"] for layer in layers) == pytest.approx(100, abs=0.1)
        assert layers[-1]["timeMs"] / head["count"] == pytest.approx(layers[-1]["averageMs"], rel=1e-4)
        last = version.startswith("10")
        assert bool(re.search(r"\d   conv \+ relu\n", ran.out)) == last
        assert bool(re.search(r" conv \+ relu +\d", ran.out)) == (not last)

    def test_a_separate_run_gives_both_and_takes_twice_as_long(self, folder):
        plain = Ran(folder, BIG, "--duration=5")
        both = Ran(folder, BIG, "--duration=5", "--separateProfileRun", "--dumpProfile")
        assert "=== Performance summary ===" in both.out
        assert "=== Profile (" in both.out
        assert both.seconds - plain.seconds == pytest.approx(5.2, abs=0.1)

    def test_the_header_of_10_is_that_of_its_sample(self, folder, request):
        text = (request.path.parents[1] / "backends/data/trtexec_layer_profile.txt").read_text().splitlines()
        out = built(folder, "--dumpProfile", name=ORIN).out
        header = next(line for line in text if "Avg.(ms)" in line)
        assert header.split("] ", 2)[2] in out
        row = next(line for line in text if line.endswith("res_conv1_bn_2") and "Reformatting" not in line)
        mine = next(line for line in out.splitlines() if line.endswith("   conv + relu"))
        ends = [
            [word.end() for word in re.finditer(r"[\d.]+", line[: line.index("   ", 60)])][-4:] for line in (row, mine)
        ]
        assert ends[0] == ends[1]


class TestFaults:
    def test_an_unknown_dialect(self, folder):
        ran = Ran(folder, "--onnx=m.onnx", faults=["trtexec-unknown-dialect"])
        assert "&&&&" not in ran.out

    def test_it_hangs(self, folder):
        with pytest.raises(Gone):
            Ran(folder, "--onnx=m.onnx", faults=["trtexec-hangs"])

    @pytest.mark.parametrize(("version", "name"), list(RELEASES.items())[1:])
    def test_out_of_memory(self, folder, version, name):
        ran = Ran(folder, "--onnx=m.onnx", "--saveEngine=e", name=name, tensorrt=version, faults=["build-oom"])
        assert ran.code == 1
        assert not (folder / "e").exists()
        for words in ("OutOfMemory", "Requested amount of GPU memory (", "any implementation for node conv",
                      "[E] Engine could not be created from network", "[E] Engine set up failed"):  # fmt: skip
            assert words in ran.err
        assert ran.out.splitlines()[-1].startswith("&&&& FAILED")

    def test_a_model_too_large_for_the_board(self, folder):
        values = small_models.tensor("x", [1, 3, 9000, 9000]), small_models.tensor("y", [1, 4, 9000, 9000])
        nodes = [onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="conv", pads=[1, 1, 1, 1])]
        small_models.save(folder / "big.onnx", nodes, [values[0]], [values[1]], [small_models.weight("w", 4, 3, 3, 3)])
        assert "OutOfMemory" in Ran(folder, "--onnx=big.onnx", name=NANO).err

    @pytest.mark.parametrize(("version", "name"), list(RELEASES.items())[1:])
    def test_an_operator_that_the_parser_does_not_know(self, folder, version, name):
        small_models.custom(folder / "c.onnx")
        for ran in (Ran(folder, "--onnx=c.onnx", name=name, tensorrt=version),
                    Ran(folder, "--onnx=m.onnx", name=name, tensorrt=version, faults=["op-unsupported"])):  # fmt: skip
            op, node = ("Warp", "warp") if "--onnx=c.onnx" in ran.out else ("Relu", "relu")
            assert ran.code == 1
            assert f"No importer registered for op: {op}. Attempting to import as plugin." in ran.out
            assert re.search(rf'While parsing node number \d+ \[{op} -> "y"\]:', ran.err)
            assert f'name: "{node}"\nop_type: "{op}"' in ran.err
            assert "Plugin not found, are the plugin name, version, and namespace correct?" in ran.err
            assert "[E] Engine set up failed" in ran.err

    def test_wrong_outputs(self, folder):
        built(folder)
        right = Ran(folder, "--loadEngine=e", *QUICK, "--exportOutput=o").json("o")[0]["values"]
        wrong = Ran(folder, "--loadEngine=e", *QUICK, "--exportOutput=o", faults=["output-wrong"]).json("o")[0][
            "values"
        ]
        assert sorted(right) == sorted(wrong)
        assert right != wrong

    def test_a_file_that_is_not_there_or_no_model(self, folder):
        (folder / "junk").write_bytes(b"GIF89a")
        for name in ("nothing", "junk"):
            ran = Ran(folder, f"--onnx={name}")
            assert ran.code == 1
            assert "[E] Failed to parse onnx file" in ran.err
            assert "[E] Parsing model failed" in ran.err

    @pytest.mark.parametrize("name", [NANO, ORIN])
    def test_a_dla_where_there_is_none(self, folder, name):
        ran = Ran(folder, "--onnx=m.onnx", "--useDLACore=0", "--fp16", name=name)
        assert "[E] Cannot create DLA engine, 0 not available" in ran.err
        assert ran.code == 1

    def test_an_input_of_the_wrong_size_aborts(self, folder):
        built(folder)
        (folder / "x").write_bytes(bytes(12))
        with pytest.raises(Killed) as caught:
            Ran(folder, "--loadEngine=e", "--loadInputs=x:x")
        assert caught.value.number == 6
        assert "Invalid tensor names found in --loadInputs" in Ran(folder, "--loadEngine=e", "--loadInputs=z:x").err

    def test_a_build_is_a_moment_for_faults(self, folder):
        board = ManualBoard()
        Ran(folder, "--onnx=m.onnx", *QUICK, board=board)
        assert [name for name, _ in board.moments] == ["build"]


def test_flags_on_their_way_out_are_warned_of(folder):
    said = Ran(folder, "--onnx=m.onnx", "--workspace=64", "--explicitBatch", *QUICK, name=ORIN, tensorrt="8.5.2.2").err
    assert "[W] --workspace flag has been deprecated by --memPoolSize flag." in said
    assert "[W] --explicitBatch flag has been deprecated and has no effect!" in said
    assert "--workspace" not in built(folder, "--workspace=64", name=NANO).err

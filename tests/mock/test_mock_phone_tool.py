"""The stand-in for benchmark_model in simulated time: what it says, how long it takes, what it draws."""

import contextlib
import re
import signal

import numpy as np
import pytest
import tflite_models
from hypothesis import given
from hypothesis import strategies as st

from edgebench.mock.phone.faults import Faults, parse_fault
from edgebench.mock.phone.physics import PhoneBody
from edgebench.mock.phone.tool import bench, flags
from edgebench.mock.phone.tool.graph import NotAModel, read_graph
from edgebench.mock.phone.tool.speech import DIALECTS, Timing, Voice


class ManualPace:
    """A phone whose time passes when somebody waits for it."""

    def __init__(self, body):
        self.body = body

    def now_ns(self):
        return self.body.now_ns()

    def wait_until(self, when_ns):
        if when_ns >= 1 << 60:
            raise bench.Gone  # somebody lost patience
        self.body.advance_ns(max(when_ns - self.body.now_ns(), 0))

    def work(self, work):
        self.body.load.set("tool", work, self.body.lived_s)

    def clock_share(self):
        return self.body.clock_share


class Ran:
    """One process: its text, its status, and the phone it ran on."""

    def __init__(self, folder, *argv, form="oneplus-7t", faults=(), dialect="2021", cpus=None, body=None, nth=1):
        faults = [parse_fault(text) for text in faults]
        self.body = body or PhoneBody(form, seed=5, faults=faults)
        self.begin_ns = self.body.now_ns()
        self.out, self.err = [], []
        voice = Voice(
            dialect, lambda text, error: (self.err if error else self.out).append(text), lambda: "05-30 x 1 1"
        )
        case = bench.Case(argv, folder, self.body.form, Faults(faults),
                          cpus or tuple(range(self.body.form.cpus)), nth, self.body.lived_s)  # fmt: skip
        self.code = bench.run(case, voice, ManualPace(self.body))

    @property
    def text(self):
        return "".join(self.out + self.err)

    def figure(self, name):
        return float(re.search(rf"{re.escape(name)}: ([\d.e+]+)", self.text).group(1))

    @property
    def mean_us(self):
        return self.figure("Inference (avg)")


@pytest.fixture
def model(tmp_path):
    return tflite_models.upscaler(tmp_path / "m.tflite", size=64)


GRAPH = "--graph=m.tflite"


class TestGraph:
    def test_operators_and_their_cost(self, model):
        graph = read_graph(model)
        kinds = [operator.kind for operator in graph.operators]
        assert kinds.count("CONV_2D") >= 1
        convolution = graph.operators[kinds.index("CONV_2D")]
        assert convolution.macs > 64 * 64 * 9
        assert list(graph.inputs.values()) == [(1, 64, 64, 3)]
        assert not graph.eight_bit

    def test_eight_bits_are_seen(self, tmp_path):
        assert read_graph(tflite_models.upscaler_int8(tmp_path / "q.tflite")).eight_bit

    @pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x1c\0\0\0TFL3", b"\xff" * 4 + b"TFL3" + b"\xff" * 64])
    def test_what_is_no_model(self, tmp_path, data):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(NotAModel):
            read_graph(tmp_path / "x")

    @given(cut=st.integers(8, 2000), at=st.integers(8, 2000), value=st.integers(0, 255))
    def test_damaged_models_are_no_models_or_models(self, tmp_path_factory, cut, at, value):
        folder = tmp_path_factory.mktemp("damaged")
        data = bytearray(tflite_models.upscaler(folder / "m").read_bytes())
        data[at % len(data)] = value
        (folder / "x").write_bytes(bytes(data[: max(len(data) - cut, 0)]))
        with contextlib.suppress(NotAModel):
            assert read_graph(folder / "x").file_bytes


class TestFlags:
    def test_values_defaults_and_unknown_ones(self):
        options = flags.parse(["--num_runs=7", "--use_gpu=true", "--use_xnnpack=0", "--nonsense=1", "stray", "--help"])
        assert (options.number("num_runs"), options.on("use_gpu"), options.on("use_xnnpack")) == (7, True, False)
        assert options.number("max_secs") == 150
        assert options.unknown == ("--nonsense=1", "stray")
        assert options.on("help")

    def test_a_value_of_another_kind(self):
        assert "num_runs" in flags.parse(["--num_runs=many"]).wrong[0]

    def test_the_help_lists_every_flag_and_fails_as_the_tool_does(self, tmp_path):
        ran = Ran(tmp_path, "--help")
        assert ran.code == 1
        assert all(f"--{name}=" in ran.text for name in flags.FLAGS)

    def test_unknown_flags_are_told_and_ignored(self, tmp_path, model):
        ran = Ran(tmp_path, GRAPH, "--allow_magic=1")
        assert (ran.code, "Unconsumed cmdline flags: --allow_magic=1" in ran.text) == (0, True)


class TestTime:
    def test_both_minima_bind_and_the_maximum_ends(self, tmp_path, model):
        assert "count=50 " in Ran(tmp_path, GRAPH, "--num_runs=50", "--min_secs=0.001").out[-4]
        few = Ran(tmp_path, GRAPH, "--num_runs=1", "--min_secs=2", "--warmup_min_secs=0.1")
        count = int(re.findall(r"count=(\d+)", few.text)[-1])
        assert count == pytest.approx(2e6 / few.mean_us, rel=0.05)
        cut = Ran(tmp_path, GRAPH, "--num_runs=1000000", "--max_secs=1")
        assert (cut.body.now_ns() - cut.begin_ns) / 1e9 == pytest.approx(1 + 0.5, abs=0.3)

    def test_the_clock_of_the_phone_agrees_with_what_is_printed(self, tmp_path, model):
        ran = Ran(tmp_path, GRAPH, "--warmup_runs=0", "--num_runs=500", "--min_secs=0.01")
        took_s = (ran.body.now_ns() - ran.begin_ns) / 1e9
        assert "count=500 " in ran.text
        assert took_s == pytest.approx((500 * ran.mean_us + ran.figure("Init")) / 1e6, rel=1e-3)

    def test_more_threads_and_faster_cores_take_less(self, tmp_path, model):
        one, four = (Ran(tmp_path, GRAPH, f"--num_threads={n}").mean_us for n in (1, 4))
        little = Ran(tmp_path, GRAPH, "--num_threads=4", cpus=(0, 1, 2, 3)).mean_us
        assert four < 0.7 * one
        assert little > 1.5 * four

    def test_a_paced_run_keeps_its_frequency(self, tmp_path, model):
        ran = Ran(tmp_path, GRAPH, "--num_runs=60", "--min_secs=0.1", "--run_frequency=30", "--warmup_runs=0")
        assert (ran.body.now_ns() - ran.begin_ns) / 1e9 == pytest.approx(60 / 30, rel=0.05)

    def test_a_hot_phone_is_slower(self, tmp_path, model):
        arguments = (GRAPH, "--use_gpu=true", "--num_runs=1", "--min_secs=30")
        ran = Ran(tmp_path, *arguments, faults=["throttling"])
        assert ran.body.throttle_level > 0
        again = Ran(tmp_path, GRAPH, "--use_gpu=true", body=ran.body)
        cool = Ran(tmp_path, GRAPH, "--use_gpu=true")
        assert again.mean_us > 1.1 * cool.mean_us

    def test_it_draws_more_than_idle_while_it_runs_and_no_more_afterwards(self, tmp_path, model):
        ran = Ran(tmp_path, GRAPH, "--use_gpu=true", "--min_secs=5")
        end_ns = ran.body.now_ns()
        assert ran.body.truth(end_ns - 3_000_000_000, end_ns).mean_watts == pytest.approx(0.9 + 3.1, rel=0.05)
        ran.body.advance(2)
        assert ran.body.truth(end_ns, end_ns + 2_000_000_000).mean_watts == pytest.approx(0.9, rel=0.02)


class TestDelegates:
    def test_gpu_takes_all_of_a_model_that_it_knows(self, tmp_path):
        tflite_models.upscaler(tmp_path / "m.tflite", size=512)
        ran = Ran(tmp_path, GRAPH, "--use_gpu=true")
        assert "Explicitly applied GPU delegate, and the model graph will be completely executed" in ran.text
        assert ran.mean_us < Ran(tmp_path, GRAPH).mean_us

    def test_gpu_takes_a_part_and_names_what_it_leaves(self, tmp_path):
        graph = tflite_models.Graph()
        graph.tensor("x", (1, 8, 8, 4))
        graph.tensor("a", (1, 8, 8, 4))
        graph.tensor("b", (1, 8, 8, 4))
        graph.tensor("c", (1, 8, 8, 4))
        for kind, inputs, output in (("RELU", "x", "a"), ("FLOOR_MOD", "a", "b"), ("RELU", "b", "c")):
            graph.op(kind, [inputs, inputs] if kind == "FLOOR_MOD" else [inputs], [output])
        graph.save(tmp_path / "m.tflite", ["x"], ["c"])
        ran = Ran(tmp_path, GRAPH, "--use_gpu=true")
        assert "FLOOR_MOD: Operation is not supported." in ran.text
        assert "2 operations will run on the GPU, and the remaining 1 operations will run on the CPU." in ran.text
        assert "partially executed by the delegate w/ 2 delegate kernels" in ran.text

    def test_nnapi_refuses_is_absent_or_takes_a_part(self, tmp_path, model):
        refused = Ran(tmp_path, GRAPH, "--use_nnapi=true")
        assert refused.code == 1
        assert "ERROR: Failed to apply NNAPI delegate.\n" in refused.err
        assert "Inference (avg)" not in refused.text
        absent = Ran(tmp_path, GRAPH, "--use_nnapi=true", form="generic-android")
        assert (absent.code, "NNAPI acceleration is unsupported on this platform." in absent.text) == (0, True)
        assert "applied" not in absent.text
        assert "partially executed" in Ran(tmp_path, GRAPH, "--use_nnapi=true", form="pixel-8").text

    def test_a_vendors_library_must_be_there_and_a_library(self, tmp_path, model):
        (tmp_path / "lib.so").write_bytes(b"\x7fELF" + bytes(60))
        argument = f"--external_delegate_path={tmp_path / 'lib.so'}"
        assert "applied EXTERNAL delegate" in Ran(tmp_path, GRAPH, argument).text
        gone = Ran(tmp_path, GRAPH, "--external_delegate_path=/none.so")
        assert "dlopen failed" in gone.text
        assert "applied" not in gone.text


class TestTrouble:
    def test_a_model_that_is_none(self, tmp_path):
        assert Ran(tmp_path, GRAPH).text.count("Could not open") == 1
        (tmp_path / "m.tflite").write_bytes(b"nothing")
        ran = Ran(tmp_path, GRAPH)
        assert (ran.code, "not a valid Flatbuffer" in ran.text, ran.err[-1]) == (
            1,
            True,
            "ERROR: Benchmarking failed.\n",
        )

    def test_flex_and_custom_operators(self, tmp_path):
        tflite_models.foreign(tmp_path / "m.tflite", "FlexErf")
        assert "(FlexErf) failed to prepare" in Ran(tmp_path, GRAPH).text
        tflite_models.foreign(tmp_path / "m.tflite", "MyOwn")
        assert "Encountered unresolved custom op: MyOwn" in Ran(tmp_path, GRAPH).text

    def test_shapes_that_do_not_fit(self, tmp_path, model):
        ran = Ran(tmp_path, GRAPH, "--input_layer_shape=1,1,1,1")
        assert (ran.code, "failed to prepare" in ran.text) == (1, True)
        assert Ran(tmp_path, GRAPH, "--input_layer_shape=1,64,64,3").code == 0

    def test_a_refusal_names_the_operator(self, tmp_path, model):
        ran = Ran(tmp_path, GRAPH, "--use_gpu=true", faults=["delegate-refusal"])
        assert ran.code == 1
        assert "DEPTH_TO_SPACE: Operation is not supported" in ran.text
        assert "Failed to apply GPU delegate." in ran.text
        assert Ran(tmp_path, GRAPH, faults=["delegate-refusal"]).code == 0

    @pytest.mark.parametrize(("fault", "number"), [("crash", signal.SIGSEGV), ("oom", signal.SIGKILL)])
    def test_signals(self, tmp_path, model, fault, number):
        with pytest.raises(bench.Killed) as caught:
            Ran(tmp_path, GRAPH, faults=[fault])
        assert caught.value.number == number
        assert Ran(tmp_path, GRAPH, faults=[f"{fault}@2"]).code == 0

    def test_a_hung_tool_never_ends(self, tmp_path, model):
        with pytest.raises(bench.Gone):
            Ran(tmp_path, GRAPH, faults=["hung-tool"])

    def test_flex_by_fault(self, tmp_path, model):
        assert Ran(tmp_path, GRAPH, faults=["flex-op"]).code == 1


TIMES = r"Inference timings in us: Init: \d+, First inference: \d+, Warmup \(avg\): \S+, Inference \(avg\): \d"
ENDS = {
    "2019": r"Average inference timings in us: Warmup: \S+, Init: \d+, no stats: \S+",
    "2020": f"\n{TIMES}",
    "2021": f"\nINFO: {TIMES}",
    "logcat": f"\n05-30 x 1 1 I tflite  : {TIMES}",
    "litert": r"========== BENCHMARK RESULTS ==========\nModel initialization: ",
    "sixth": r"throughput_qps",
}


class TestSpeech:
    @pytest.mark.parametrize("dialect", DIALECTS)
    def test_every_dialect_ends_in_its_way(self, tmp_path, model, dialect):
        assert re.search(ENDS[dialect], Ran(tmp_path, GRAPH, dialect=dialect).text)

    def test_a_summary_is_that_of_its_durations(self):
        durations = list(np.random.default_rng(1).uniform(900, 1100, 40))
        fields = dict(part.split("=") for part in Timing(durations).line().split())
        assert float(fields["avg"]) == pytest.approx(np.mean(durations), rel=1e-5)
        assert float(fields["std"]) == pytest.approx(np.std(durations), abs=0.5)
        assert (float(fields["min"]), float(fields["curr"])) == (round(min(durations)), round(durations[-1]))

    def test_the_profile_adds_up(self, tmp_path, model):
        ran = Ran(tmp_path, GRAPH, "--enable_op_profiling=true", f"--profiling_output_csv_file={tmp_path / 'p.csv'}")
        rows = [line.split(", ") for line in (tmp_path / "p.csv").read_text().splitlines()[3:]]
        assert sum(float(row[3]) for row in rows) * 1000 == pytest.approx(ran.mean_us, rel=0.01)
        assert "[node type]" in Ran(tmp_path, GRAPH, "--enable_op_profiling=true").text

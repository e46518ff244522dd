import json
import os
import random
import unittest

from child_harness import DATA
from load import module

tegrastats = module("tegrastats")

POOLS = ("RAM", "SWAP", "IRAM")


def captured():
    """Every captured line, by its name."""
    with open(os.path.join(DATA, "tegrastats.jsonl"), encoding="utf-8") as rows:
        return {row["id"]: row["line"] for row in map(json.loads, rows)}


def tokens(text):
    """The pieces of a line that must stay together, found without the parser's own patterns."""
    found, words = [], text.split()
    while words:
        size = 1
        if words[0] in POOLS:
            size = 2
            while words[size - 1].count("(") > words[size - 1].count(")") or (
                size < len(words) and "(" in words[size] and not words[size - 1].endswith(")")
            ):
                size += 1
            while "".join(words[:size]).count("(") > "".join(words[:size]).count(")"):
                size += 1
        elif words[0][:2].isdigit() or words[0] in ("CPU", "cpu") or "@" not in words[0]:
            size = 2
        found.append(" ".join(words[:size]))
        words = words[size:]
    return found


def told(line):
    """All that a Line says, in a form that does not depend on order."""
    return json.dumps(vars(line), sort_keys=True)


class Captured(unittest.TestCase):
    def test_every_captured_line_is_read_with_nothing_left_over(self):
        lines = captured()
        self.assertEqual(len(lines), 17)
        for name, text in lines.items():
            self.assertEqual(tegrastats.parse(text).left, [], name)

    def test_the_order_of_the_fields_does_not_matter(self):
        rng = random.Random(4)
        for name, text in captured().items():
            pieces = tokens(text)
            for _ in range(20):
                rng.shuffle(pieces)
                self.assertEqual(told(tegrastats.parse(" ".join(pieces))), told(tegrastats.parse(text)), name)

    def test_rails_are_the_present_value_never_the_average(self):
        lines = captured()
        self.assertEqual(tegrastats.parse(lines["thor-r39.2"]).rails["VIN"], 87426)
        self.assertEqual(tegrastats.parse(lines["thor-r38-zerofirst"]).rails["VIN"], 25530)
        self.assertEqual(tegrastats.parse(lines["thor-r38-neg"]).rails["VDD_GPU"], -392)
        self.assertEqual(tegrastats.parse(lines["thor-no-avg"]).rails["VIN_SYS_5V0"], 6309)
        self.assertEqual(tegrastats.parse(lines["tx2-r32"]).rails["VDD_4V0_WIFI"], 633)
        self.assertEqual(tegrastats.parse(lines["tx2nx-r32.6"]).rails, {})

    def test_what_is_no_measurement_is_dropped(self):
        orin = tegrastats.parse(captured()["agx-orin-r35"])
        self.assertEqual(sorted(orin.rails), ["VDDQ_VDD2_1V8AO", "VDD_CPU_CV", "VDD_GPU_SOC", "VIN_SYS_5V0"])
        self.assertFalse({"CV0", "CV1", "CV2", "GPU"} & set(orin.zones))
        self.assertNotIn("PMIC", tegrastats.parse(captured()["tx2-r32"]).zones)
        self.assertNotIn("PMIC", tegrastats.parse(captured()["xavier-nx-r35"]).zones)

    def test_one_name_may_be_a_rail_a_zone_and_a_processor(self):
        line = tegrastats.parse("CPU [1%@1200,off] GPU 380/381 CPU 900/901 GPU@41.5C CPU@-5C SOC 2%@1600")
        self.assertEqual(line.cores, [(1, 1200), None])
        self.assertEqual(line.rails, {"GPU": 380, "CPU": 900})
        self.assertEqual(line.zones, {"GPU": 41500, "CPU": -5000})
        self.assertEqual(line.engines, {"SOC": (2, 1600)})

    def test_memory_processors_and_engines(self):
        nano = tegrastats.parse(captured()["nano-5w"])
        self.assertEqual(nano.memory["RAM"], (1409 * 1024, 3964 * 1024))
        self.assertEqual(nano.memory["IRAM"], (0, 252))
        self.assertEqual(nano.largest_free_kib, 4096)
        self.assertEqual(nano.cores, [(22, 518), (67, 518), None, None])
        self.assertEqual((nano.engines["EMC_FREQ"], nano.engines["APE"]), ((0, 1600), (None, 25)))
        self.assertEqual(tegrastats.parse(captured()["tx1-r28"]).cores[3], (0, 1734))
        orin = tegrastats.parse(captured()["orin-nx-r36-load"])
        self.assertEqual(orin.engines["NVDEC"], (40, 115))
        self.assertIsNone(orin.engines["NVDLA0"])
        self.assertEqual(tegrastats.parse(captured()["thor-r38.4-root"]).engines["GR3D_FREQ"], (None, 314))
        self.assertEqual(tegrastats.parse("GR3D_FREQ 12%@[1300,611]").engines["GR3D_FREQ"], (12, 1300))
        self.assertEqual(tegrastats.parse("MTS fg 0% bg 3%").left, [])


class Hostile(unittest.TestCase):
    def test_strange_text_is_left_over_and_nothing_else(self):
        for text in (
            "",
            " ",
            "VDD_IN",
            "VDD_IN mW",
            "VDD_IN 5/",
            "CPU [",
            "CPU [x%@1]",
            "GPU@C",
            "GPU@1e9C",
            "RAM 1/2TB",
            "VDD_IN 99999999999999mW/1mW",
            "\x00\xff",
            "EMC_FREQ %@",
            "5000mW",
            "NaN@nanC",
        ):
            line = tegrastats.parse(text)
            self.assertEqual((line.rails, line.zones, line.cores, line.engines), ({}, {}, [], {}), text)
            self.assertEqual("".join("".join(line.left).split()), "".join(text.split()), text)

    def test_numbers_are_ascii(self):
        self.assertEqual(tegrastats.parse("VDD_IN \u0661\u0662mW").rails, {})

    def test_mutilated_lines_never_raise(self):
        rng = random.Random(11)
        lines = list(captured().values())
        alphabet = "0123456789%@[](),/-. \tmWCkMBxoffRAMCPU\x00\u0663\n"
        for _ in range(3000):
            text = list(rng.choice(lines))
            for _ in range(rng.randint(1, 12)):
                at = rng.randrange(len(text))
                text[at : at + rng.randint(0, 3)] = rng.choice(alphabet) * rng.randint(0, 3)
            line = tegrastats.parse("".join(text))
            for milliwatts in line.rails.values():
                self.assertLess(abs(milliwatts), 10**12)

    def test_long_hostile_lines_cost_no_more_than_their_length(self):
        for piece in ("A", "A.", "[", "CPU [1%@1,", "RAM 1/1MB (lfb ", "1/", "A 1/", "A@1.", "MTS fg ", "A @[1,"):
            text = (piece * tegrastats.LONGEST)[: tegrastats.LONGEST]
            tegrastats.parse(text)  # a pattern that backtracks without bounds would not come back from here
            self.assertEqual(tegrastats.parse(text + "x").left, [text[:64]])


if __name__ == "__main__":
    unittest.main()

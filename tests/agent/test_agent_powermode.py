"""Power modes: what nvpmodel prints in every release's way, and a mode set, refused, put back."""

import os
import unittest

import jetson_tree
import load

journal = load.module("journal")
powermode = load.module("powermode")
setting = load.module("setting")

VERBOSE = """NVPM VERB: Config file: /etc/nvpmodel.conf
NVPM VERB: parsing done for /etc/nvpmodel.conf
NVPM VERB: Current mode: NV Power Mode: 25W
1
NVPM VERB: PARAM CPU_ONLINE: ARG CORE_0: PATH /sys/devices/system/cpu/cpu0/online: REAL_VAL: 1 CONF_VAL: 1
"""
PROMPT = """NVPM WARN: Golden image context is already created
NVPM WARN: Reboot required for changing to this power mode: 2
NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:
NVPM ERROR: bad input!
"""


class Parsing(unittest.TestCase):
    def test_every_way_of_saying_the_mode(self):
        for text, mode in (
            ("NV Power Mode: MAXN\n0\n", {"id": 0, "name": "MAXN"}),
            (
                "NVPM WARN: fan mode is not set!\nNV Power Mode: MODE_15W\r\n2\r\n",
                {"id": 2, "name": "MODE_15W"},
            ),
            ("NV Fan Mode:quiet\nNV Power Mode: 5W\n1", {"id": 1, "name": "5W"}),
            (VERBOSE, {"id": 1, "name": "25W"}),
        ):
            self.assertEqual(powermode.parse_current(text), mode)

    def test_what_tells_no_mode_is_none(self):
        for text in ("", "NVPM ERROR: no", "NV Power Mode:\n", "NV Power Mode: MAXN\n", "0\nNV Power Mode: MAXN",
                     "NV Power Mode: MAXN\n" + "9" * 5000):  # fmt: skip
            self.assertIsNone(powermode.parse_current(text), text)

    def test_modes_are_found_among_other_lines(self):
        text = "NVPM VERB: PM_CONFIG: DEFAULT=15W(2)\nNVPM VERB: POWER_MODEL: ID=1 NAME=15W\nx\n"
        text += "POWER_MODEL: ID=0 NAME=MAXN\n"
        self.assertEqual(powermode.parse_modes(text), [{"id": 0, "name": "MAXN"}, {"id": 1, "name": "15W"}])
        self.assertEqual(powermode.parse_modes("NVPM ERROR"), [])
        self.assertEqual(powermode.parse_modes("POWER_MODEL: ID=%s NAME=x" % ("9" * 5000)), [])

    def test_the_prompt_is_known(self):
        self.assertTrue(powermode.asks_for_reboot(PROMPT))
        self.assertFalse(powermode.asks_for_reboot(VERBOSE))

    def test_a_name_goes_before_an_id(self):
        modes = [{"id": 0, "name": "1"}, {"id": 1, "name": "MAXN"}]
        self.assertEqual(powermode.choose(modes, "1")["id"], 0)
        self.assertEqual(powermode.choose(modes, "maxn")["id"], 1)
        self.assertEqual(powermode.choose(modes, "0")["id"], 0)
        with self.assertRaises(setting.NotSet) as none:
            powermode.choose(modes, "30W")
        self.assertIn("1 (0), MAXN (1)", str(none.exception))


class Changing(jetson_tree.JetsonCase):
    def mode(self):
        return int(self.get("state/mode"))

    def refusal(self, wanted, **more):
        with self.assertRaises(setting.NotSet) as refused:
            powermode.change(self.scene(), wanted, **more)
        return refused.exception.code, str(refused.exception)

    def test_set_and_put_back(self):
        self.assertEqual(powermode.current(self.root), {"id": 0, "name": "MAXN"})
        self.assertEqual(len(powermode.modes(self.root)), 3)
        self.assertEqual(powermode.change(self.scene(), "5w"), {"id": 1, "name": "5W"})
        self.assertEqual(self.mode(), 1)
        restored, failed = self.book().restore()
        self.assertEqual(([(one["path"], one["old"]) for one in restored], failed), ([("power mode", "MAXN")], []))
        self.assertEqual((self.mode(), self.book().entries()), (0, []))
        self.assertEqual(self.asked(), ["/usr/bin/nvpmodel -m 1", "/usr/bin/nvpmodel -m 0"])

    def test_the_mode_that_is_set_is_left_alone(self):
        self.assertEqual(powermode.change(self.scene(), "0"), {"id": 0, "name": "MAXN"})
        self.assertEqual((self.asked(), self.book().entries()), ([], []))

    def test_put_back_already_is_not_put_back_again(self):
        powermode.change(self.scene(), "5W")
        self.put("state/mode", "0\n")
        self.assertEqual(len(self.book().restore()[0]), 1)
        self.assertEqual(self.asked(), ["/usr/bin/nvpmodel -m 1"])

    def test_a_reboot_is_refused_and_nothing_is_noted(self):
        code, text = self.refusal("15W")
        self.assertEqual(code, "needs-reboot")
        self.assertIn("15W (2)", text)
        self.assertEqual((self.mode(), self.book().entries()), (0, []))

    def test_an_exit_status_of_0_is_not_believed(self):
        self.put("state/broken", "")
        code, text = self.refusal("5W")
        self.assertEqual((code, text), ("pin-failed", "NVPM ERROR: Error opening /sys/x: 2"))
        self.assertEqual(self.book().entries(), [])

    def test_one_that_prints_only_blanks_and_sets_nothing(self):
        mute = jetson_tree.NVPMODEL.replace("-m)\n", "-m)\n    echo; exit 0\n")
        self.program("nvpmodel", mute)
        self.assertEqual(self.refusal("5W"), ("pin-failed", "nvpmodel said nothing and set nothing"))

    def test_an_undo_that_does_not_take_stays_and_is_told(self):
        powermode.change(self.scene(), "5W")
        self.put("state/broken", "")
        ((entry, why),) = self.book().restore()[1]
        self.assertEqual(entry["path"], "power mode")
        self.assertIn("-m 0: NVPM ERROR: Error opening", why)
        os.unlink(self.path("state/broken"))
        self.assertEqual((len(self.book().restore()[0]), self.mode()), (1, 0))

    def test_without_sudo_it_is_told(self):
        self.refuse_sudo()
        self.assertEqual(self.refusal("5W"), ("needs-root", "sudo: a password is required"))
        self.assertEqual((self.mode(), self.book().entries()), (0, []))

    def test_no_nvpmodel_and_one_that_tells_nothing(self):
        self.program("nvpmodel", "#!/bin/sh\necho what\n")
        self.assertIsNone(powermode.current(self.root))
        self.assertIn("does not tell", self.refusal("5W")[1])
        os.unlink(self.path("/usr/bin/nvpmodel"))
        self.assertIsNone(powermode.current(self.root))
        self.assertIn("no nvpmodel", self.refusal("5W")[1])

    def test_a_query_that_only_root_may_make(self):
        self.put("state/query-as-root", "")
        powermode.change(self.scene(), "5W")
        self.assertEqual(self.mode(), 1)
        self.book().restore()
        self.assertEqual((self.mode(), self.book().entries()), (0, []))

    def test_a_reboot_that_is_allowed_and_the_way_back(self):
        said = []
        mode = powermode.change(self.scene(), "15W", allow_reboot=True, rebooting=said.append)
        self.assertEqual((said, mode["id"], self.mode()), ([mode], 2, 0))
        self.reboot()
        self.assertEqual(powermode.current(self.root), mode)
        self.assertEqual((self.book().restore(), self.mode()), (([], []), 2))
        ((entry, why),) = self.book().restore(journal.TELL)[1]
        self.assertIn("takes a reboot", why)
        self.put("state/reboots", "0\n")
        self.assertIn("restarts now", self.book().restore(journal.DO)[1][0][1])
        self.reboot()
        self.assertEqual(self.mode(), 0)
        self.assertEqual((len(self.book().restore()[0]), self.book().entries()), (1, []))

    def test_a_second_mode_of_a_session_is_put_back_to_what_the_first_found(self):
        powermode.change(self.scene(), "5W")
        self.put("state/reboots", "")
        powermode.change(self.scene(), "15W")
        self.assertEqual([(one["old"], one["new"]) for one in self.book().entries()], [("MAXN", "15W")])
        self.assertEqual((len(self.book().restore()[0]), self.mode()), (1, 0))

    def test_two_restarts_of_a_session_are_put_back_by_one(self):
        for wanted, reboots in (("15W", "2\n"), ("5W", "1\n")):
            self.put("state/reboots", reboots)
            powermode.change(self.scene(), wanted, allow_reboot=True)
            self.reboot()
        self.assertEqual(self.mode(), 1)
        self.put("state/reboots", "0\n")
        self.assertEqual(len(self.book().restore(journal.DO)[1]), 1)
        self.reboot()
        self.assertEqual((len(self.book().restore(journal.TELL)[0]), self.mode()), (1, 0))

    def test_a_live_change_after_a_restart_waits_for_the_restart_back(self):
        powermode.change(self.scene(), "15W", allow_reboot=True)
        self.reboot()
        powermode.change(self.scene(), "5W")
        self.assertEqual((self.book().restore(), self.mode()), (([], []), 1))
        self.assertEqual([(one["old"], one["reboot"]) for one in self.book().entries()], [("MAXN", True)])


if __name__ == "__main__":
    unittest.main()

"""A small Jetson below a temporary root: nvpmodel, jetson_clocks and sudo as scripts that keep their state in files."""

import os

import bench
import load

journal = load.module("journal")
setting = load.module("setting")

POLICY = "/sys/devices/system/cpu/cpufreq/policy0"
GPU = "/sys/class/devfreq/57000000.gpu"
GOVERNOR = POLICY + "/scaling_governor"
BOOT_ID = "/proc/sys/kernel/random/boot_id"

SUDO = """#!/bin/sh
[ "$1" = -n ] && shift
echo "$*" >> "$ROOT/state/asked"
if [ -e "$ROOT/state/no-sudo" ]; then echo "sudo: a password is required" >&2; exit 1; fi
EDGEBENCH_TEST_ROOT_USER=1 exec "$@"
"""
ROOT_ONLY = '[ -n "$EDGEBENCH_TEST_ROOT_USER" ] || { echo "Permission denied" >&2; exit 1; }\n'

NVPMODEL = """#!/bin/sh
name() { sed -n "s/^$1 //p" "$ROOT/state/modes"; }
case "$1" in
-q)
    [ -e "$ROOT/state/query-as-root" ] && [ -z "$EDGEBENCH_TEST_ROOT_USER" ] && { echo "NVPM ERROR: no" >&2; exit 1; }
    echo "NVPM WARN: fan mode is not set!"
    id=$(cat "$ROOT/state/mode")
    echo "NV Power Mode: $(name "$id")"
    echo "$id" ;;
-p)
    echo "NVPM VERB: Config file: /etc/nvpmodel.conf" >&2
    while read -r id name; do echo "NVPM VERB: POWER_MODEL: ID=$id NAME=$name" >&2; done < "$ROOT/state/modes" ;;
-m)
    [ -n "$EDGEBENCH_TEST_ROOT_USER" ] || { echo "NVPM ERROR: must be root"; exit 0; }
    [ -n "$(name "$2")" ] || { echo "NVPM ERROR: invalid mode"; exit 0; }
    if [ -e "$ROOT/state/broken" ]; then echo "NVPM ERROR: Error opening /sys/x: 2"; exit 0; fi
    if grep -qx "$2" "$ROOT/state/reboots" && [ "$(cat "$ROOT/state/mode")" != "$2" ]; then
        echo "NVPM WARN: Golden image context is already created"
        echo "NVPM WARN: Reboot required for changing to this power mode: $2"
        echo "NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:"
        read -r answer
        if [ "$answer" != YES ]; then
            echo "NVPM ERROR: bad input!"
            echo "NVPM ERROR: optMask is 1, no request for power mode"
            exit 0
        fi
        echo "NVPM WARN: rebooting"
        echo "$2" > "$ROOT/state/next-mode"
        exit 0
    fi
    echo "$2" > "$ROOT/state/mode" ;;
esac
"""

JETSON_CLOCKS = """#!/bin/sh
[ -n "$EDGEBENCH_TEST_ROOT_USER" ] || { echo "Error: Run this script($0) as a root user"; exit 1; }
policy="$ROOT/sys/devices/system/cpu/cpufreq/policy0"
gpu="$ROOT/sys/class/devfreq/57000000.gpu"
case "$1" in
--store)
    if [ -e "$2" ]; then
        echo "File $2 already exists. Can I overwrite it? Y/N:"
        read -r answer
        case $answer in y|Y) rm -f "$2" ;; *) echo "Error: file $2 already exists!"; exit 1 ;; esac
    fi
    echo "$policy/scaling_min_freq:$(cat "$policy/scaling_min_freq")" > "$2"
    echo "$gpu/min_freq:$(cat "$gpu/min_freq")" >> "$2" ;;
--restore)
    [ -e "$2" ] || { echo "Error: $2 file not found !"; exit 1; }
    while IFS=: read -r path value; do echo "$value" > "$path"; done < "$2" ;;
--show)
    echo "SOC family:tegra210  Machine:NVIDIA Jetson Nano Developer Kit"
    echo "cpu0: Online=1 Governor=x MinFreq=$(cat "$policy/scaling_min_freq") MaxFreq=1479000 CurrentFreq=1"
    echo "GPU MinFreq=$(cat "$gpu/min_freq") MaxFreq=921600000 CurrentFreq=1" ;;
"")
    [ -e "$ROOT/state/stiff" ] && exit 0
    cat "$policy/scaling_max_freq" > "$policy/scaling_min_freq"
    cat "$gpu/max_freq" > "$gpu/min_freq" ;;
esac
"""

TEE = '#!/bin/sh\n{}[ -e "$ROOT/state/tee-fails" ] && {{ echo "tee: Invalid argument" >&2; exit 1; }}\ncat > "$1"\n'
CHMOD = "#!/bin/sh\n" + ROOT_ONLY + 'exec /bin/chmod "$@"\n'


class JetsonCase(bench.HomeCase):
    """A test on the small Jetson; `self.warnings` are [(code, text)], `self.pauses` seconds."""

    def setUp(self):
        super(JetsonCase, self).setUp()
        os.makedirs(self.home)
        self.program("sudo", SUDO)
        self.program("nvpmodel", NVPMODEL)
        self.program("jetson_clocks", JETSON_CLOCKS)
        self.program("tee", TEE.format(ROOT_ONLY))
        self.program("chmod", CHMOD)
        self.put("state/modes", "0 MAXN\n1 5W\n2 15W\n")
        self.put("state/mode", "0\n")
        self.put("state/reboots", "2\n")
        self.put("state/asked", "")
        self.put(BOOT_ID, "boot-one\n")
        self.put("/proc/uptime", "5000.00 1.00\n")
        self.put("/root/.keep", "")
        self.put(GOVERNOR, "schedutil\n")
        for name, value in (("scaling_min_freq", 102000), ("scaling_max_freq", 1479000)):
            self.put("%s/%s" % (POLICY, name), "%d\n" % value)
        for name, value in (("min_freq", 76800000), ("max_freq", 921600000)):
            self.put("%s/%s" % (GPU, name), "%d\n" % value)
        self.warnings = []
        self.pauses = []

    def program(self, name, text):
        """Put a script of the device there; $ROOT in it is the tree's root."""
        path = self.put("/usr/bin/" + name, text.replace("#!/bin/sh\n", "#!/bin/sh\nROOT='%s'\n" % self.root, 1))
        os.chmod(path, 0o755)

    def path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def forbid(self, path):
        """Only root may write this file."""
        os.chmod(self.path(path), 0o444)

    def refuse_sudo(self):
        self.put("state/no-sudo", "")

    def book(self, **more):
        return journal.Journal(self.home, **more)

    def warn(self, code, text):
        self.warnings.append((code, text))

    def pause(self, seconds, text):
        self.pauses.append(seconds)

    def scene(self):
        return setting.Scene("job", self.root, self.book(), self.warn, self.pause, 7)

    def asked(self):
        """Return what sudo was asked to run, without the root."""
        return [line.replace(self.root, "") for line in self.get("state/asked").splitlines()]

    def reboot(self):
        """The board starts again: in the mode that waited for it, its clocks free, its boot id another."""
        if os.path.exists(self.path("state/next-mode")):
            os.replace(self.path("state/next-mode"), self.path("state/mode"))
        self.put(BOOT_ID, self.get(BOOT_ID).strip() + "+\n")
        self.put(POLICY + "/scaling_min_freq", "102000\n")
        self.put(GPU + "/min_freq", "76800000\n")

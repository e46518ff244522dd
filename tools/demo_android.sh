#!/bin/sh
# make demo-android: a simulated phone behind the real adb server, measured as a phone would be. EDGEBENCH MODEL...
# The adb server is one of our own, so that a phone plugged in here is left alone.
set -eu
edgebench=$1
shift
folder=$(mktemp -d)
export ANDROID_ADB_SERVER_PORT="${DEMO_ADB_PORT:-15137}" EDGEBENCH_CONFIG="$folder/config" EDGEBENCH_STORE="$folder/store.db"
phone=
end() {
    [ -z "$phone" ] || { kill "$phone" 2>/dev/null || :; wait "$phone" 2>/dev/null || :; }
    "$(dirname "$edgebench")/python" -c 'import adbutils, subprocess; subprocess.run([adbutils.adb_path(), "kill-server"])' || :
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT TERM
mkfifo "$folder/ready"
"$edgebench" mock start oneplus-7t --speed "${DEMO_SPEED:-8}" --json - >"$folder/ready" &
phone=$!
read -r line <"$folder/ready" || { echo "the simulated phone did not start" >&2; exit 1; }
echo "$line"
status=0
"$edgebench" run "$@" --device mock-oneplus-7t --accelerator cpu,gpu,nnapi --quick || status=$?
# 5: the rows of the accelerator that this phone refuses are part of the picture
[ "$status" -eq 5 ] && echo "(exit status 5: rows failed, as the table says)" && status=0
exit "$status"

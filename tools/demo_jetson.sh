#!/bin/sh
# make demo-jetson: a simulated Jetson Nano behind an SSH server of its own, measured as a board would be. EDGEBENCH MODEL...
set -eu
edgebench=$1
shift
folder=$(mktemp -d)
export EDGEBENCH_CONFIG="$folder/config" EDGEBENCH_STORE="${DEMO_STORE:-$folder/store.db}"
board=
end() {
    [ -z "$board" ] || { kill "$board" 2>/dev/null || :; wait "$board" 2>/dev/null || :; }
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT TERM
mkfifo "$folder/ready"
"$edgebench" mock start jetson-nano --json - >"$folder/ready" &
board=$!
read -r line <"$folder/ready" || { echo "the simulated board did not start" >&2; exit 1; }
echo "$line"
status=0
"$edgebench" run "$@" --device mock-jetson-nano --backend tensorrt,onnxruntime --quick || status=$?
# 5: int8, which a Nano's GPU does not have, is a row with its cause
[ "$status" -eq 5 ] && echo "(exit status 5: rows failed, as the table says)" && status=0
exit "$status"

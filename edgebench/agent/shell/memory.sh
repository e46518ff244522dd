# The memory pass: what the kernel says of the tool while it runs, and one look by Android's own means.

MEMINFO_LIMIT=65536
STEADY_LOOKS=5

memory_begin() {
    [ -n "$MEMINFO" ] || return 0
    watch_memory "$TOOL" &
    WATCHER=$!
    watch_over
}

memory_end() {
    [ -n "$MEMINFO" ] || return 0
    kill -9 "$WATCHER" 2>/dev/null
    wait "$WATCHER" 2>/dev/null
    WATCHER=
    watch_over
    tell_memory
}

# watch_memory PID: a process of its own, ends with the tool.
watch_memory() {
    leave_files
    trap - TERM INT USR1
    rm -f "$JOB_DIR/meminfo.txt" "$JOB_DIR/meminfo.at"
    exec 7>>"$JOB_DIR/readings.txt"
    SAME=0 BEFORE=
    while read_memory "$1"; do
        put "$NOW_CS process $PEAK $RESIDENT" >&7
        SAME=$((SAME + 1))
        [ "$RESIDENT" = "$BEFORE" ] || SAME=0
        BEFORE=$RESIDENT
        # once it has stopped growing, buffers of the GPU are there too
        [ $SAME -ne $STEADY_LOOKS ] || look_at_memory "$1"
        sleep 0.2
    done
}

# Sets PEAK and RESIDENT in KiB; returns 1 when the process has ended.
read_memory() {
    PEAK= RESIDENT=
    now
    while read -r NAME VALUE _; do
        case $NAME in
        VmHWM:) PEAK=$VALUE ;;
        VmRSS:) RESIDENT=$VALUE && break ;;
        esac
    done 2>/dev/null <"/proc/$1/status"
    [ -n "$RESIDENT" ]
}

look_at_memory() {
    [ ! -e "$JOB_DIR/meminfo.at" ] || return 0
    { $TIMEOUT dumpsys meminfo "$1" | head -c $MEMINFO_LIMIT; } >"$JOB_DIR/meminfo.txt" 2>/dev/null </dev/null
    put "$NOW_NS" >"$JOB_DIR/meminfo.at"
}

# The `watch` event, when there was a look: its text goes behind the tool's.
tell_memory() {
    LOOKED=
    { read -r LOOKED <"$JOB_DIR/meminfo.at"; } 2>/dev/null || return 0
    OFFSET=$OUT_BYTES
    cat "$JOB_DIR/meminfo.txt" >>"$JOB_DIR/outputs.txt"
    out_size
    FIELDS=",\"step\":$STEP,\"at\":$AT,\"kind\":\"meminfo\",\"looked\":$LOOKED"
    tell watch "$FIELDS,\"offset\":$OFFSET,\"bytes\":$((OUT_BYTES - OFFSET))"
    rm -f "$JOB_DIR/meminfo.txt" "$JOB_DIR/meminfo.at"
}

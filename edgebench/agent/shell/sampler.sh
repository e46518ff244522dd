# The sampler: a process of its own that reads sensors at the times the host has drawn, into readings.txt.
#
# A line is "<centiseconds> <source> <value>...", "-" for what cannot be read, or "<centiseconds> <source> | <line>".
# Files are read by the shell's own `read`; where that can wait as well, a look starts no process at all.

COMMAND_LINES=400

# A line of job.txt.
source_line() {
    if [ "$KEY" = jitter ]; then
        JITTER=$VALUE
    else
        SOURCES=$((SOURCES + 1))
        eval "SOURCE_$SOURCES=\"\$KEY \$VALUE\""
    fi
}

sampler_start() {
    [ -z "$SAMPLER" ] && [ $SOURCES -gt 0 ] || return 0
    : | sample &
    SAMPLER=$!
    watch_over
}

# Ends it and tells what it cost.
sampler_stop() {
    [ -n "$SAMPLER" ] || return 0
    end_child "$SAMPLER"
    SAMPLER=
    COST=
    { read -r COST <"$JOB_DIR/sampler.txt"; } 2>/dev/null
    if [ -n "$COST" ]; then
        # shellcheck disable=SC2086
        set -- $COST
        tell sampler ",\"cpu_ns\":$1,\"wall_ns\":$2,\"reads\":$3"
    else
        warn sampler-failed "the sampler ended early with status $STATUS"
    fi
}

sample() {
    leave_files
    trap 'sample_end' TERM
    trap - INT USR1
    exec 7>>"$JOB_DIR/readings.txt"
    find_nap
    now
    SAMPLE_BEGAN=$NOW_CS READS=0 TICK=0 NAP=
    # shellcheck disable=SC2086
    set -- $JITTER
    while :; do
        for INTERVAL; do
            tick
            nap "$INTERVAL"
            kill -0 "$OWN_PID" 2>/dev/null || exit 0
        done
    done
}

# Chooses how to wait. `read -t` on a pipe that we hold open ourselves waits and starts nothing; not every sh has it.
# Below another root the clock is not the kernel's, and `sleep` may be that clock's own.
find_nap() {
    TIMED=
    (IFS= read -r -t 0.01 _ </dev/null) 2>/dev/null
    if [ $? -eq 1 ] && [ -z "$ROOT" ] && (exec 3<>/proc/self/fd/0) 2>/dev/null; then
        exec 3<>/proc/self/fd/0
        TIMED=yes
    fi
}

nap() {
    if [ -n "$TIMED" ]; then
        IFS= read -r -t "$1" _ <&3
    else
        sleep "$1" &
        NAP=$!
        wait "$NAP"
    fi
}

tick() {
    SOURCE_N=0
    while [ $SOURCE_N -lt $SOURCES ]; do
        SOURCE_N=$((SOURCE_N + 1))
        # shellcheck disable=SC2086
        eval "read_source \$SOURCE_$SOURCE_N"
    done
    TICK=$((TICK + 1))
}

read_source() {
    KIND=$1
    shift
    case $KIND in
    source-every | source-command)
        [ $((TICK % $1)) -eq 0 ] || return 0
        shift
        ;;
    esac
    NAME=$1
    shift
    READS=$((READS + 1))
    now
    case $KIND in
    source-lines) { print_lines <"$ROOT$1"; } 2>/dev/null ;;
    source-command) { $TIMEOUT "$@" | print_lines; } 2>/dev/null </dev/null ;;
    *) read_files "$@" ;;
    esac
}

read_files() {
    LINE="$NOW_CS $NAME"
    for FILE; do
        VALUE=
        { read -r VALUE _ <"$ROOT$FILE"; } 2>/dev/null
        LINE="$LINE ${VALUE:--}"
    done
    put "$LINE" >&7
}

print_lines() {
    LINES_LEFT=$COMMAND_LINES
    while [ $LINES_LEFT -gt 0 ] && { IFS= read -r LINE || [ -n "$LINE" ]; }; do
        put "$NOW_CS $NAME | $LINE" >&7
        LINES_LEFT=$((LINES_LEFT - 1))
    done
}

sample_end() {
    trap '' TERM
    [ -z "$NAP" ] || kill -9 "$NAP" 2>/dev/null
    now
    times >"$JOB_DIR/times.txt"
    MS=0
    while read -r USER SYSTEM; do
        add_time "$USER"
        add_time "$SYSTEM"
    done <"$JOB_DIR/times.txt"
    nanos $((NOW_CS - SAMPLE_BEGAN))
    [ $MS -eq 0 ] || MS=${MS}000000
    put "$MS $NANOS $READS" >"$JOB_DIR/sampler.txt"
    exit 0
}

# add_time 1m02.345s: adds it to MS; shells print two, three or six digits.
add_time() {
    SECS=${1#*m}
    PART=${SECS#*.}
    PART=${PART%s}000
    PART=${PART%"${PART#???}"}
    SECS=${SECS%%[.s]*}
    for NUMBER in "${1%%m*}" "$SECS" "$PART"; do
        case $NUMBER in
        '' | *[!0-9]*) return ;;
        esac
    done
    strip "$SECS"
    SECS=$STRIPPED
    strip "$PART"
    MS=$((MS + (${1%%m*} * 60 + SECS) * 1000 + STRIPPED))
}

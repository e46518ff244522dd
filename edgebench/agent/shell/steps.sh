# The steps of a job: one process each, or the same again and again, until each is done, failed or skipped.

OUTPUT_LIMIT=1048576
# In blocks of 512 bytes: a tool that never stops printing must not fill the phone.
FILE_BLOCKS=524288

# step_begin VALUE: a step's line; the lines up to `run` fill the rest in.
step_begin() {
    # shellcheck disable=SC2086
    set -- $1
    STEP=$1 PASS=$2 LIMIT_S=$6
    STEP_FIELDS=",\"step\":$STEP,\"pass\":\"$PASS\",\"variant\":$3,\"round\":$4,\"order\":$5"
    MASK= IDLE= REPEAT= BURN= MEMINFO= PROGRAM= ARGS=0 ENVS=0 OUTPUTS=0
}

# Numbered variables stand for arrays, which sh has not; only the number is ever part of what `eval` reads.
step_line() {
    case $KEY in
    mask) MASK=$VALUE ;;
    idle) IDLE=$VALUE ;;
    repeat) REPEAT=$VALUE ;;
    burn) BURN=$VALUE ;;
    meminfo) MEMINFO=$VALUE ;;
    program) PROGRAM=$VALUE ;;
    arg) ARGS=$((ARGS + 1)) && eval "ARG_$ARGS=\$VALUE" ;;
    env) ENVS=$((ENVS + 1)) && eval "ENV_$ENVS=\$VALUE" ;;
    output) OUTPUTS=$((OUTPUTS + 1)) && eval "OUTPUT_$OUTPUTS=\$VALUE" ;;
    esac
}

step_run() {
    now
    # --max-time is for measuring: neither the wait for a cable nor the burn of a gauge counts
    [ -n "$MEASURING" ] && [ "$PASS" != burn ] || JOB_BEGAN=$NOW_CS
    [ "$PASS" = burn ] || MEASURING=yes
    if [ -n "$MAX_CS" ] && [ $((NOW_CS - JOB_BEGAN)) -ge "$MAX_CS" ]; then
        tell step "$STEP_FIELDS,\"phase\":\"skipped\""
        step_done skipped '' "does not fit into --max-time" ''
        return
    fi
    tell step "$STEP_FIELDS,\"phase\":\"start\""
    OUTCOME=ok CODE= MESSAGE= SIGNAL=
    idle_phase idle-before
    [ -n "$END_CODE" ] || processes
    [ $OUTCOME != ok ] || idle_phase idle-after
    [ -z "$END_CODE" ] || [ $OUTCOME != ok ] || failed "$END_CODE" "$END_MESSAGE"
    [ $OUTCOME != ok ] || tell_outputs
    step_done "$OUTCOME" "$CODE" "$MESSAGE" "$SIGNAL"
    [ $OUTCOME != ok ] || STEPS_DONE=$((STEPS_DONE + 1))
}

step_done() {
    code_fields "$2" "$3"
    quote_or_null "$4"
    tell done ",\"step\":$STEP,\"outcome\":\"$1\"$FIELDS,\"signal\":$QUOTED"
}

# failed CODE MESSAGE: the step's outcome; the first failure counts.
failed() {
    [ $OUTCOME = ok ] || return 0
    OUTCOME=failed CODE=$1 MESSAGE=$2
}

phase() {
    tell phase ",\"step\":$STEP,\"name\":\"$1\""
}

idle_phase() {
    [ -n "$IDLE" ] && [ -z "$END_CODE" ] || return 0
    phase "$1"
    bounded "$IDLE"
    pause "$IDLE"
    alarm_clear
    lease_over
}

# bounded SECONDS: sets the alarm to so long, at most to the end of the lease.
bounded() {
    lease_left
    if [ "${1%%.*}" -ge $LEFT ]; then alarm_set $LEFT; else alarm_set "$1"; fi
}

# Sets LEFT to the seconds of the lease that are left.
lease_left() {
    now
    LEFT=$(((EXPIRES - NOW_CS + 99) / 100))
    [ $LEFT -ge 0 ] || LEFT=0
}

# Ends the job when its lease is over.
lease_over() {
    lease_left
    [ $LEFT -gt 0 ] || ending timeout "the job's lease is over"
    [ $LEFT -gt 0 ]
}

processes() {
    case $PASS in
    invocation) phase measure ;;
    *) phase "$PASS" ;;
    esac
    lease_over || return
    AT=0
    centis "$LIMIT_S"
    LIMIT_CS=$CS
    centis "${REPEAT:-0}"
    REPEAT_CS=$CS
    now
    FIRST_CS=$NOW_CS
    oom_kills
    OOM_BEFORE=$OOM_KILLS
    if [ -n "$BURN" ]; then bounded "$REPEAT"; else bounded "$LIMIT_S"; fi
    while :; do
        process
        AT=$((AT + 1))
        [ $OUTCOME = ok ] && [ -z "$END_CODE$BURN" ] || break
        [ $((END_CS - FIRST_CS)) -lt "$REPEAT_CS" ] || break
    done
    alarm_clear
}

# One process of the step: begun, awaited, judged.
process() {
    now
    BEGIN_CS=$NOW_CS BEGIN_NS=$NOW_NS
    : >"$JOB_DIR/cpus"
    become_tool >>"$JOB_DIR/outputs.txt" 2>&1 </dev/null &
    TOOL=$!
    PID=$TOOL
    watch_over
    memory_begin
    await $TOOL
    now
    END_CS=$NOW_CS END_NS=$NOW_NS
    # what the tool left behind of its own
    kill -9 "-$TOOL" 2>/dev/null
    TOOL=
    watch_over
    judge
    tell_process
    memory_end
}

# In a process of its own: the tool's place, mask and environment, then the tool.
become_tool() {
    leave_files
    trap - TERM INT USR1
    cd "$JOB_DIR" || exit 126
    read -r ME _ </proc/self/stat
    [ -z "$MASK" ] || taskset -p "$MASK" "$ME" >/dev/null
    while read -r NAME VALUE; do
        case $NAME in
        Cpus_allowed:) put "$VALUE" >cpus && break ;;
        esac
    done </proc/self/status
    ulimit -f $FILE_BLOCKS 2>/dev/null
    # shellcheck disable=SC2086
    [ -z "$BURN" ] || exec $SETSID sh "$AGENT" burn "$BURN"
    [ "$ENVS" -eq 0 ] || with_list ENV "$ENVS" export
    [ -e "$PROGRAM" ] || exit 127
    [ -x "$PROGRAM" ] || exit 126
    # shellcheck disable=SC2086
    with_list ARG "$ARGS" exec $SETSID "$PROGRAM"
}

# What became of the process: STATUS as `wait` has it.
judge() {
    EXIT=$STATUS SIGNAL=
    [ $STATUS -le 128 ] || { EXIT=null && signal_name $((STATUS - 128)); }
    if [ -n "$END_CODE" ]; then
        failed "$END_CODE" "$END_MESSAGE"
    elif [ -n "$RANG" ] && [ -n "$BURN" ] && lease_over; then
        EXIT=0 SIGNAL=
    elif [ -n "$RANG" ]; then
        lease_over && failed timeout "not finished within $LIMIT_S s"
        failed "$END_CODE" "$END_MESSAGE"
    elif [ $STATUS -ne 0 ]; then
        last_words
        case $STATUS in
        127) failed tool-missing "$PROGRAM cannot be found" ;;
        137) out_of_memory "$PID" && failed oom "killed for want of memory" ;;
        126) failed permission "$PROGRAM cannot be executed" ;;
        esac
        if [ $STATUS -gt 128 ]; then WHY="killed by $SIGNAL"; else WHY="ended with status $STATUS"; fi
        failed crashed "$WHY${WORDS:+: $WORDS}"
    fi
}

signal_name() {
    case $1 in
    4) SIGNAL=SIGILL ;; 6) SIGNAL=SIGABRT ;; 7) SIGNAL=SIGBUS ;; 8) SIGNAL=SIGFPE ;; 9) SIGNAL=SIGKILL ;;
    11) SIGNAL=SIGSEGV ;; 13) SIGNAL=SIGPIPE ;; 15) SIGNAL=SIGTERM ;; 25) SIGNAL=SIGXFSZ ;; 31) SIGNAL=SIGSYS ;;
    *) SIGNAL="signal $1" ;;
    esac
}

# Sets WORDS to the last line of what the process said, if it said anything.
last_words() {
    WORDS=
    WORDS=$(tail -c +$((OUT_BYTES + 1)) "$JOB_DIR/outputs.txt" 2>/dev/null | tail -n 1 | tail -c 400)
}

# The `tool` event: when it ran, how it ended, where its text stands.
tell_process() {
    OFFSET=$OUT_BYTES
    out_size
    TEXT_BYTES=$((OUT_BYTES - OFFSET)) CUT=
    if [ $TEXT_BYTES -gt $OUTPUT_LIMIT ]; then
        TEXT_BYTES=$OUTPUT_LIMIT CUT=',"cut":true'
        OUT_BYTES=$((OFFSET + OUTPUT_LIMIT))
        truncate -s $OUT_BYTES "$JOB_DIR/outputs.txt"
    fi
    CPUS=
    read -r CPUS <"$JOB_DIR/cpus"
    quote_or_null "$CPUS"
    FIELDS=",\"step\":$STEP,\"at\":$AT,\"begin\":$BEGIN_NS,\"end\":$END_NS,\"code\":$EXIT,\"cpus\":$QUOTED"
    quote_or_null "$SIGNAL"
    tell tool "$FIELDS,\"signal\":$QUOTED,\"offset\":$OFFSET,\"bytes\":$TEXT_BYTES$CUT"
}

# Sets OUT_BYTES to the size of outputs.txt.
out_size() {
    OUT_BYTES=$(stat -c %s "$JOB_DIR/outputs.txt")
}

tell_outputs() {
    N=0
    while [ $N -lt $OUTPUTS ]; do
        N=$((N + 1))
        eval "NAME=\$OUTPUT_$N"
        quote "$NAME"
        if [ -f "$JOB_DIR/$NAME" ]; then
            SUM=$(sha256sum <"$JOB_DIR/$NAME")
            SIZE=$(stat -c %s "$JOB_DIR/$NAME")
            tell outputs ",\"step\":$STEP,\"path\":$QUOTED,\"sha256\":\"${SUM%% *}\",\"bytes\":$SIZE"
        else
            tell warning ",\"step\":$STEP,\"code\":\"no-output\",\"text\":$QUOTED"
        fi
    done
}

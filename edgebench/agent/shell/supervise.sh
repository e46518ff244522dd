# The supervisor: carries one job out from preparing to restoring, whoever follows it or not.
#
# Its descriptors: 5 events.jsonl, 6 job.txt, 9 the pipe to the guard. Processes it starts get none of them.

PAD_BYTES=4096

# tell EV FIELDS: one frame into events.jsonl. On a full disk the pad's room is used, and the job ends.
tell() {
    now
    LINE="$MAGIC $NONCE $SEQ - {\"ev\":\"$1\",\"t\":$NOW_NS$2}"
    if ! put "$LINE" 2>/dev/null >&5; then
        ending disk-full "no room is left on the device"
        rm -f "$JOB_DIR/pad"
        # half a line may have been written
        truncate -s "$EVENT_BYTES" "$JOB_DIR/events.jsonl"
        put "$LINE" 2>/dev/null >&5 || return 1
    fi
    SEQ=$((SEQ + 1))
    EVENT_BYTES=$((EVENT_BYTES + ${#LINE} + 1))
}

warn() {
    quote "$1"
    FIELDS=",\"code\":$QUOTED"
    quote "$2"
    tell warning "$FIELDS,\"text\":$QUOTED"
}

# supervise JOBDIR: internal. Answers `start` on stdout once the lease is held and closes it.
verb_supervise() {
    job_head
    NONCE=$JOB_NONCE ROOT=$JOB_ROOT
    trap on_stop TERM INT
    trap on_alarm USR1
    trap : PIPE
    answer_start
    exec >&2
    cd "$JOB_DIR" || exit 1
    carry_out
    finish
    exit 0
}

# Answers "locked" or "failed CODE MESSAGE" and exits, or "started PID".
answer_start() {
    take_lease
    case $? in
    1)
        lease_fields
        put "locked $FIELDS"
        exit 0
        ;;
    2) put "failed permission the lease cannot be written in $HOME_DIR" && exit 1 ;;
    esac
    if ! (set -C && : >"$JOB_DIR/events.jsonl") 2>/dev/null; then
        put "failed internal the job's record cannot be begun: it has run before, or its folder cannot be written"
        exit 1
    fi
    if ! make_pad; then
        rm -f "$JOB_DIR/pad" "$JOB_DIR/events.jsonl"
        put "failed disk-full no room is left on the device"
        exit 1
    fi
    exec 5>>"$JOB_DIR/events.jsonl" 6<"$JOB_DIR/job.txt"
    : >>"$JOB_DIR/outputs.txt"
    put "started $OWN_PID"
}

take_lease() {
    while IFS= read -r LINE; do
        split_line "$LINE"
        case $KEY in
        lease_s) centis "$VALUE" && now && EXPIRES=$((NOW_CS + CS)) && LEASE_S=$VALUE ;;
        max_time_s) [ "$VALUE" = - ] || { centis "$VALUE" && MAX_CS=$CS; } ;;
        step) break ;;
        esac
    done <"$JOB_DIR/job.txt"
    JOB_BEGAN=$NOW_CS
    lease_take "$JOB" "$JOB_HOLDER" "$EXPIRES"
}

# Keeps room for the last events of a job. By `put`, whose status can be trusted: busybox's `head` has none for this.
make_pad() {
    PAD=0123456789abcdef
    while [ ${#PAD} -lt $PAD_BYTES ]; do PAD=$PAD$PAD; done
    put "$PAD" 2>/dev/null >"$JOB_DIR/pad"
}

carry_out() {
    find_helpers
    hello
    restore_leftovers
    while [ -z "$END_CODE" ] && IFS= read -r LINE <&6; do
        split_line "$LINE"
        job_line
    done
    [ -n "$END_CODE" ] || prepared
}

# What is not on every device: SETSID and TIMEOUT are words put before a command.
find_helpers() {
    SETSID= TIMEOUT=
    ! command -v setsid >/dev/null || SETSID=setsid
    ! command -v timeout >/dev/null || TIMEOUT="timeout 20"
}

job_line() {
    set -- "$VALUE"
    case $KEY in
    step)
        prepared
        sampler_start
        step_begin "$1"
        ;;
    run) step_run ;;
    await-unplugged)
        prepared
        await_unplugged "$1"
        ;;
    jitter | source*) source_line ;;
    set-* | as-root | ask | expect | do | undo) prepare_line ;;
    *) step_line ;;
    esac
}

hello() {
    REALTIME=$(date +%s%N)
    now
    case $REALTIME in
    *N) REALTIME=$(date +%s)000000000 ;;
    esac
    SHELL_NAME=sh
    [ -z "${KSH_VERSION-}" ] || SHELL_NAME=$KSH_VERSION
    AGENT_NAME=${AGENT##*/}
    quote "${AGENT_NAME%.sh}"
    FIELDS=",\"protocol\":$PROTOCOL,\"agent\":$QUOTED"
    quote "$SHELL_NAME"
    FIELDS="$FIELDS,\"shell\":$QUOTED,\"clock\":{\"monotonic_ns\":$NOW_NS,\"realtime_ns\":$REALTIME"
    quote "$JOB"
    tell hello "$FIELDS,\"resolution_ns\":10000000},\"job\":$QUOTED,\"lease_s\":$LEASE_S"
}

restore_leftovers() {
    journal_restore
    [ $LEFTOVERS -eq 0 ] || warn leftovers "a session that died had left $LEFTOVERS settings${STUCK:+; not put back: $STUCK}"
}

# Stops the sampler, restores, says how the settings held, ends. The device is restored even when nothing can be told.
finish() {
    CLOSING=yes
    sampler_stop
    prepared_after
    journal_restore
    BACK=true
    if [ -n "$STUCK" ]; then
        BACK=false
        warn not-restored "$STUCK"
    fi
    tell_end || tell_end
    rm -f "$JOB_DIR/pad" "$JOB_DIR/cpus" "$JOB_DIR/times.txt" "$JOB_DIR/sampler.txt"
    watch_over
}

tell_end() {
    SUM=$(sha256sum <"$JOB_DIR/events.jsonl")
    code_fields "$END_CODE" "$END_MESSAGE"
    tell end ",\"steps_done\":$STEPS_DONE$FIELDS,\"restored\":$BACK,\"sha256\":\"${SUM%% *}\""
}

# Starting a supervisor that outlives whoever started it, following and stopping it.

# start JOBDIR: `started` once the lease is held, or `locked`.
verb_start() {
    use_job "$1"
    check_job || say_end bad-input "$WHY"
    lease_look
    if [ -e "$JOB_DIR/events.jsonl" ]; then
        job_head
        job_state
        emit started ",\"job\":\"$JOB\",\"again\":true,\"state\":\"$STATE\",\"pid\":${LEASE_PID:-null}"
        say_end '' ''
    fi
    launch
    case $ANSWER in
    'started '*) emit started ",\"job\":\"$JOB\",\"pid\":${ANSWER#started }" ;;
    'locked '*) emit locked "${ANSWER#locked }" ;;
    'failed '*)
        ANSWER=${ANSWER#failed }
        say_end "${ANSWER%% *}" "${ANSWER#* }"
        ;;
    *) say_end internal "the supervisor died before it could answer; see log.txt of the job" ;;
    esac
    say_end '' ''
}

# Sets ANSWER to what the supervisor says. It and its guard get sessions of their own, so that a terminal or link that
# goes away does not end them; without setsid they ignore the hang-up.
launch() {
    find_helpers
    # shellcheck disable=SC2086
    ANSWER=$(
        [ -n "$SETSID" ] || trap '' HUP
        exec 8>&1 2>>"$JOB_DIR/log.txt" </dev/null
        {
            exec $SETSID sh "$AGENT" supervise "$JOB_DIR" 9>&1 >&8 8>&-
        } | {
            exec $SETSID sh "$AGENT" guard "$JOB_DIR" >/dev/null 8>&-
        } &
    )
}

# follow JOBDIR --offset N: the job's own frames as they come; exits with 0 after its `end`, 3 without.
# Reads line by line with the shell's own `read`: no process a look, but for the nap.
verb_follow() {
    use_job "$1"
    job_head
    [ -r "$JOB_DIR/events.jsonl" ] || exit 3
    exec 7<"$JOB_DIR/events.jsonl"
    ENDED=
    skip_bytes "$OFFSET"
    while :; do
        lease_look
        copy_lines
        [ -z "$ENDED" ] || exit 0
        [ "$LEASE_JOB" = "$JOB" ] || exit 3
        follow_while_alive
    done
}

# Copies while the supervisor lives; its last words are copied by the caller, who looks once more.
# A lone `~` every few seconds says that the phone is there, however long its job has nothing to tell.
follow_while_alive() {
    NAPS=0
    while [ -z "$ENDED" ] && lives "$LEASE_PID" "$LEASE_BORN" "$BOOT"; do
        sleep 0.2
        copy_lines
        NAPS=$((NAPS + 1))
        [ "$NAPS" -lt 20 ] || { NAPS=0; put '~' || exit 3; }
    done
}

copy_lines() {
    while IFS= read -r LINE <&7; do
        put "$HALF$LINE" || exit 3
        note_end "$HALF$LINE"
        HALF=
    done
    HALF=$HALF$LINE
}

note_end() {
    case $1 in
    "$MAGIC $JOB_NONCE "*'{"ev":"end",'*) ENDED=yes ;;
    esac
}

# skip_bytes N: leaves descriptor 7 there, and in HALF what follows of the line that N falls into.
skip_bytes() {
    HALF=
    LEFT=$1
    while [ "$LEFT" -gt 0 ] && IFS= read -r LINE <&7; do
        note_end "$LINE"
        if [ $((${#LINE} + 1)) -gt "$LEFT" ]; then
            skip_part
        else
            LEFT=$((LEFT - ${#LINE} - 1))
        fi
    done
}

skip_part() {
    while [ "$LEFT" -gt 0 ]; do
        LINE=${LINE#?}
        LEFT=$((LEFT - 1))
    done
    put "$LINE"
}

# stop JOBDIR [--seconds S]: the job ends as interrupted; returns when its supervisor is gone.
verb_stop() {
    use_job "$1"
    lease_look
    if [ "$LEASE_JOB" = "$JOB" ]; then
        end_supervisor TERM || say_end timeout "the supervisor of $JOB does not answer"
        lease_look
    fi
    say_job
    say_end '' ''
}

# end_supervisor SIGNAL: signals it until it is gone, for SECONDS; it may be busy and hear of it late.
end_supervisor() {
    centis "$SECONDS_GIVEN"
    now
    UNTIL=$((NOW_CS + CS))
    while kill -"$1" "$LEASE_PID" 2>/dev/null && lives "$LEASE_PID" "$LEASE_BORN" "$BOOT"; do
        now
        [ $((UNTIL - NOW_CS)) -gt 0 ] || return 1
        sleep 0.1
    done
}

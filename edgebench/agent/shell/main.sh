# The verbs: each prints framed events of the nonce it was given, the last of them `end`.

# status --home H: jobs, the lease, the journal.
verb_status() {
    lease_look
    say_jobs
    lease_fields
    emit lease "$FIELDS"
    journal_list
    LIST=
    for NAME in $ENTRIES; do
        journal_with "$HOME_DIR/journal/$NAME" describe_entry && LIST=",{$DESCRIBED}$LIST"
    done
    emit journal ",\"entries\":[${LIST#,}]"
    say_end '' ''
}

# restore --home H [--force]: what the journal says is put back; a live job is in the way, unless forced.
verb_restore() {
    now
    if ! lease_take - "restore" $((NOW_CS + 6000)); then
        [ $LEASE_STATE = held ] || say_end permission "the lease cannot be written in $HOME_DIR"
        force_lease
    fi
    journal_restore
    emit restored ",\"entries\":$RESTORED,\"failed\":$FAILED"
    say_end '' ''
}

force_lease() {
    if [ -z "$FORCE" ]; then
        lease_fields
        emit locked "$FIELDS"
        say_end device-locked "the device is held by $LEASE_HOLDER"
    fi
    HOW=asked
    HELD_JOB=$LEASE_JOB
    SECONDS_GIVEN=20
    end_supervisor TERM || { HOW=killed && SECONDS_GIVEN=5 && end_supervisor KILL; }
    quote "$HELD_JOB"
    emit stopped ",\"job\":$QUOTED,\"how\":\"$HOW\""
    lease_take - "restore" $((NOW_CS + 6000)) || say_end device-locked "the holder's supervisor could not be ended"
}

# await-lease --home H --seconds S: returns when the lease is free, at most so long after; then `lease`.
verb_await_lease() {
    centis "$SECONDS_GIVEN"
    now
    UNTIL=$((NOW_CS + CS))
    lease_look
    while [ $LEASE_STATE = held ] && [ $((UNTIL - NOW_CS)) -gt 0 ]; do
        sleep 0.2
        now
        lives "$LEASE_PID" "$LEASE_BORN" "$BOOT" || lease_look
    done
    lease_fields
    emit lease "$FIELDS"
    say_end '' ''
}

# discard JOBDIR: the folder of a collected job goes.
verb_discard() {
    use_job "$1"
    lease_look
    job_head
    job_state
    [ "$STATE" != running ] || say_end internal "job $JOB is running"
    rm -rf "$JOB_DIR"
    [ ! -e "$JOB_DIR" ] || say_end permission "$JOB_DIR cannot be removed"
    emit discarded ",\"job\":\"$JOB\""
    say_end '' ''
}

usage() {
    put "usage: agent VERB [JOBDIR] [--home H] [--nonce N] [--offset N] [--seconds S] [--force] [--root R]" >&2
    exit 2
}

main() {
    set -f
    umask 077
    AGENT=$0
    case $AGENT in
    /*) ;;
    *) AGENT=$PWD/$AGENT ;;
    esac
    ROOT= NONCE=0000000000000000 SEQ=0 SAID= HOME_DIR=/data/local/tmp/edgebench
    OFFSET=0 SECONDS_GIVEN=60 FORCE= FOLDER=
    nothing_yet
    [ $# -gt 0 ] || usage
    VERB=$1
    shift
    options "$@"
    case $VERB in
    start | follow | stop | discard | supervise | guard | burn) [ -n "$FOLDER" ] || usage ;;
    esac
    case $VERB in
    status) verb_status ;;
    start) verb_start "$FOLDER" ;;
    follow) verb_follow "$FOLDER" ;;
    stop) verb_stop "$FOLDER" ;;
    restore) verb_restore ;;
    await-lease) verb_await_lease ;;
    discard) verb_discard "$FOLDER" ;;
    supervise)
        use_job "$FOLDER"
        verb_supervise
        ;;
    guard) verb_guard ;;
    burn) verb_burn "$FOLDER" ;;
    *) usage ;;
    esac
}

# What a supervisor has not begun.
nothing_yet() {
    CLOSING= END_CODE= END_MESSAGE= RANG= CHILD= TOOL= SAMPLER= WATCHER= ALARM= PREPARED=
    MAX_CS= MEASURING= STEPS_DONE=0 EVENT_BYTES=0 OUT_BYTES=0
    SOURCES=0 JITTER=1 SETS=0 SET_LIST= PAIR_OPEN= AS_ROOT=
}

options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --force) FORCE=yes && shift && continue ;;
        --*) [ $# -gt 1 ] || usage ;;
        *) FOLDER=$1 && shift && continue ;;
        esac
        case $1 in
        --home) HOME_DIR=${2%/} ;;
        --nonce) NONCE=$2 ;;
        --root) ROOT=${2%/} ;;
        --offset | --from) OFFSET=$2 ;;
        --seconds) SECONDS_GIVEN=$2 ;;
        *) usage ;;
        esac
        shift 2
    done
    case $NONCE$OFFSET in
    *[!0-9A-Za-z]*) usage ;;
    esac
    case $OFFSET in
    '' | *[!0-9]*) usage ;;
    esac
    case $SECONDS_GIVEN in
    '' | *[!0-9.]* | *.*.* | .*) usage ;;
    esac
}

main "$@"

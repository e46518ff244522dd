# The jobs in the home folder: HOME/jobs/ID with job.txt (ours) and job.json (the host's, not read here).

# use_job DIR: sets JOB_DIR, JOB, HOME_DIR; ends the verb where DIR is no job's folder.
use_job() {
    JOB_DIR=${1%/}
    case $JOB_DIR in
    /*) ;;
    *) JOB_DIR=$PWD/$JOB_DIR ;;
    esac
    JOB=${JOB_DIR##*/}
    HOME_DIR=${JOB_DIR%/jobs/"$JOB"}
    case $JOB in
    '' | .* | *[!A-Za-z0-9._-]*) HOME_DIR=$JOB_DIR ;;
    esac
    [ "$HOME_DIR" != "$JOB_DIR" ] || say_end internal "$JOB_DIR is no folder of a job"
}

# Sets JOB_NONCE, JOB_HOLDER and JOB_ROOT from the head of job.txt, empty where it has none.
job_head() {
    JOB_NONCE= JOB_HOLDER= JOB_ROOT=
    while IFS= read -r LINE; do
        case $LINE in
        'nonce '*) JOB_NONCE=${LINE#nonce } ;;
        'holder '*) JOB_HOLDER=${LINE#holder } ;;
        'root '*) JOB_ROOT=${LINE#root } && break ;;
        'step '*) break ;;
        esac
    done 2>/dev/null <"$JOB_DIR/job.txt"
    JOB_ROOT=${JOB_ROOT%/}
}

# Sets STATE to new, running, finished or dead; `lease_look` comes first.
job_state() {
    STATE=new
    [ -e "$JOB_DIR/events.jsonl" ] || return 0
    LAST=$(tail -n 1 "$JOB_DIR/events.jsonl")
    case $LAST in
    "$MAGIC $JOB_NONCE "*'{"ev":"end",'*'}') STATE=finished ;;
    *)
        STATE=dead
        [ "$LEASE_JOB" != "$JOB" ] || STATE=running
        ;;
    esac
}

# Says the `job` event; `lease_look` comes first.
say_job() {
    job_head
    job_state
    JOB_BYTES=0 QUIET=null
    REALTIME=$(date +%s)
    for NAME in events.jsonl job.json job.txt; do
        [ -e "$JOB_DIR/$NAME" ] || continue
        # shellcheck disable=SC2046
        set -- $(stat -c '%Y %s' "$JOB_DIR/$NAME")
        QUIET=$((REALTIME - $1))
        [ $QUIET -ge 0 ] || QUIET=0
        [ "$NAME" != events.jsonl ] || JOB_BYTES=$2
        break
    done
    quote "$JOB"
    FIELDS=",\"job\":$QUOTED,\"state\":\"$STATE\",\"bytes\":$JOB_BYTES,\"quiet_s\":$QUIET"
    quote_or_null "$JOB_HOLDER"
    FIELDS="$FIELDS,\"holder\":$QUOTED"
    quote_or_null "$JOB_NONCE"
    emit job "$FIELDS,\"nonce\":$QUOTED"
}

say_jobs() {
    set +f
    set -- "$HOME_DIR"/jobs/*
    set -f
    for FOLDER; do
        [ -d "$FOLDER" ] || continue
        JOB_DIR=$FOLDER JOB=${FOLDER##*/}
        say_job
    done
}

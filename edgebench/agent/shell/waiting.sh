# Waiting without polling: for a process, for a while, and never longer than an alarm allows.
#
# The alarm is a process that naps and then sends USR1, again and again: a shell may miss a signal that comes just
# before it waits. The handlers kill what is waited for, so that `wait` always returns.

on_stop() {
    [ -z "$CLOSING" ] || return 0
    [ -n "$END_CODE" ] || ending interrupted "stopped on request"
    kill_child
}

on_alarm() {
    # one that was on its way when the alarm was cleared
    [ -n "$ALARM" ] || return 0
    RANG=yes
    kill_child
}

# ending CODE MESSAGE: the job ends early; the first reason counts.
ending() {
    [ -n "$END_CODE" ] || END_CODE=$1 END_MESSAGE=$2
}

kill_child() {
    [ -z "$CHILD" ] || kill_group "$CHILD"
}

# kill_group PID: the process and, where it leads a group, all of that.
kill_group() {
    kill -9 "-$1" 2>/dev/null
    kill -9 "$1" 2>/dev/null
}

# await PID: sets STATUS once the process has ended; killed when the alarm rings or the job is to end.
await() {
    CHILD=$1
    [ -z "$RANG$END_CODE" ] || [ -n "$CLOSING" ] || kill_child
    while :; do
        wait "$CHILD"
        STATUS=$?
        # a signal of our own interrupts `wait`; the process is then still there or not yet taken note of
        [ $STATUS -gt 128 ] && kill -0 "$CHILD" 2>/dev/null || break
    done
    CHILD=
}

# Closes the supervisor's files in a process of its own; by `exec`, for mksh keeps a copy of what a redirection closes,
# and as long as somebody has the guard's pipe the guard takes the supervisor for alive.
leave_files() {
    exec 5>&- 6>&- 9>&-
}

# pause SECONDS: sleeps; cut short by a signal that ends the job.
pause() {
    (leave_files && exec sleep "$1") &
    await $!
}

# alarm_set SECONDS
alarm_set() {
    RANG=
    (
        leave_files
        NAP= OVER=
        trap 'OVER=yes; kill -9 "$NAP" 2>/dev/null' TERM
        trap - USR1 INT
        NAPPING=$1
        while :; do
            sleep "$NAPPING" &
            NAP=$!
            [ -z "$OVER" ] || kill -9 "$NAP"
            wait "$NAP"
            [ -z "$OVER" ] || exit 0
            kill -USR1 "$OWN_PID" || exit 0
            NAPPING=1
        done
    ) 2>/dev/null &
    ALARM=$!
    watch_over
}

alarm_clear() {
    [ -n "$ALARM" ] || return 0
    end_child "$ALARM"
    ALARM=
}

# end_child PID: asks a helper of ours to end until it has; STATUS is its last word. Once is not enough: a process just
# forked still has our handlers, and loses what it is sent then.
end_child() {
    TRIES=0
    while identify "$1"; do
        kill "$1" 2>/dev/null
        TRIES=$((TRIES + 1))
        # one that waits for a slow command of its own hears us after that
        [ $TRIES -lt 200 ] || sleep 0.1
        [ $TRIES -lt 400 ] || kill -9 "$1" 2>/dev/null
    done
    wait "$1" 2>/dev/null
    STATUS=$?
}

# Tells the guard which processes must not outlive us: those that run now.
watch_over() {
    put "$TOOL $SAMPLER $WATCHER $ALARM" >&9
}

# The guard: reads from a pipe whose other end only the supervisor holds, so its death is an end of file, at once.
# The last line heard names who runs.
verb_guard() {
    trap '' TERM INT HUP
    while IFS= read -r LINE; do
        WARDS=$LINE
    done
    for WARD in $WARDS; do
        kill -9 "-$WARD" 2>/dev/null
        end_child "$WARD"
    done
    exit 0
}

# Whether a tool that was killed died for want of memory: only what is told counts, 137 alone says nothing.

# Sets OOM_KILLS to the kernel's count.
oom_kills() {
    OOM_KILLS=0
    while read -r NAME VALUE; do
        case $NAME in
        oom_kill) OOM_KILLS=$VALUE && break ;;
        esac
    done 2>/dev/null <"$ROOT/proc/vmstat"
}

# out_of_memory PID: the kernel's count grew since the step began, or lmkd has noted the process (tag killinfo).
out_of_memory() {
    oom_kills
    [ "$OOM_KILLS" = "$OOM_BEFORE" ] || return 0
    case $($TIMEOUT logcat -b events -d -t 500 2>/dev/null </dev/null) in
    *killinfo*[\[\(]"$1",*) return 0 ;;
    esac
    return 1
}

# The right to use the device: one job at a time, held by the supervisor's life.
#
# HOME/lease/N is a symbolic link whose text says who: "pid starttime boot_id expires_cs job holder". Making a link is
# atomic and brings its text along (a folder and a file in it are two steps; hard links and fifos are denied to the
# shell user on Android). The highest N counts, and its holder has the lease as long as that very process lives: nothing
# has to be given back. Who finds it dead makes N + 1, which only one can; nobody ever removes the highest.

# identify PID: sets BORN to the process's start time (field 22 of its stat), empty where it is not alive.
identify() {
    BORN=
    STAT=
    { read -r STAT <"/proc/$1/stat"; } 2>/dev/null || return 1
    # the name in parentheses may hold blanks and parentheses
    set -- ${STAT##*) }
    case $1 in
    Z | X | x) return 1 ;;
    esac
    BORN=${20}
}

# Sets OWN to this process's "pid starttime boot_id"; $$ is the parent's in a subshell.
who_am_i() {
    { read -r OWN_PID _ </proc/self/stat; } 2>/dev/null
    identify "$OWN_PID"
    boot_id
    OWN="$OWN_PID $BORN $BOOT"
}

boot_id() {
    BOOT=-
    { read -r BOOT </proc/sys/kernel/random/boot_id; } 2>/dev/null || BOOT=-
}

# lives PID STARTTIME BOOT: whether that very process is alive.
lives() {
    boot_id
    [ "$3" = "$BOOT" ] && identify "$1" && [ "$BORN" = "$2" ]
}

lease_last() {
    LEASE_N=0
    set +f
    for NAME in "$HOME_DIR"/lease/*; do
        NAME=${NAME##*/}
        case $NAME in
        *[!0-9]*) continue ;;
        esac
        [ "$NAME" -le $LEASE_N ] || LEASE_N=$NAME
    done
    set -f
}

# Sets LEASE_STATE (free, held) and, where held, LEASE_PID, LEASE_BORN, LEASE_JOB, LEASE_HOLDER, LEASE_EXPIRES (cs).
lease_look() {
    LEASE_STATE=free LEASE_PID= LEASE_JOB= LEASE_HOLDER= LEASE_EXPIRES=0
    lease_last
    [ $LEASE_N -gt 0 ] || return 0
    LINK=$(readlink "$HOME_DIR/lease/$LEASE_N" 2>/dev/null)
    LEASE_HOLDER=${LINK#* * * * * }
    # shellcheck disable=SC2086
    set -- $LINK
    [ $# -ge 5 ] || return 0
    lives "$1" "$2" "$3" || return 0
    LEASE_STATE=held LEASE_PID=$1 LEASE_BORN=$2 LEASE_EXPIRES=$4 LEASE_JOB=$5
}

# lease_take JOB HOLDER EXPIRES_CS: returns 0 when it is ours, 1 when another has it, 2 when no link can be made.
lease_take() {
    mkdir -p "$HOME_DIR/lease" 2>/dev/null
    who_am_i
    while :; do
        lease_look
        [ $LEASE_STATE = free ] || return 1
        MINE=$((LEASE_N + 1))
        if ! ln -s "$OWN $3 $1 $2" "$HOME_DIR/lease/$MINE" 2>/dev/null; then
            [ -L "$HOME_DIR/lease/$MINE" ] || return 2
            continue
        fi
        lease_last
        [ $LEASE_N -ne $MINE ] || break
        # we looked before a turn-over that has been tidied up since: ours is an old number
        rm -f "$HOME_DIR/lease/$MINE"
    done
    lease_tidy
}

# Removes old links. The last but one stays: a folder is not read at one instant, and one of the two is always seen.
lease_tidy() {
    set +f
    for NAME in "$HOME_DIR"/lease/*; do
        [ "${NAME##*/}" -ge $((MINE - 1)) ] || rm -f "$NAME"
    done
    set -f
}

# Sets FIELDS to the lease as others see it.
lease_fields() {
    FIELDS=",\"state\":\"$LEASE_STATE\""
    [ $LEASE_STATE = held ] || return 0
    now
    LEFT=$(((LEASE_EXPIRES - NOW_CS) / 100))
    [ $LEFT -ge 0 ] || LEFT=0
    quote "$LEASE_HOLDER"
    FIELDS="$FIELDS,\"holder\":$QUOTED"
    quote "$LEASE_JOB"
    FIELDS="$FIELDS,\"job\":$QUOTED,\"pid\":$LEASE_PID,\"remaining_s\":$LEFT"
}

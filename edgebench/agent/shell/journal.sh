# What was set on the device and how to undo it, written down and synced before it is set.
#
# HOME/journal/NNNN, one file an entry, one item a line behind a "=": label; "argv", "file" or "root-file"; for argv the
# command that undoes it, for a file its path and old value; the last line is a dot. An entry without its dot was cut
# short by a crash and never acted on. Undone newest first; undoing twice does no harm.

# journal_note LABEL KIND ITEM...: sets ENTRY; returns 1 where it cannot be written, nothing is noted then.
journal_note() {
    mkdir -p "$HOME_DIR/journal" 2>/dev/null
    journal_next
    ENTRY=$HOME_DIR/journal/$NUMBER
    if ! journal_write "$@" 2>/dev/null >"$ENTRY"; then
        journal_forget
        return 1
    fi
    # toybox's fsync is quick; a whole sync takes its time but does it as well
    fsync "$ENTRY" 2>/dev/null || sync
}

journal_forget() {
    rm -f "$ENTRY"
}

journal_write() {
    for ITEM; do
        case $ITEM in
        *"$NEWLINE"*) return 1 ;;
        esac
        put "=$ITEM" || return 1
    done
    put .
}

journal_next() {
    NUMBER=0
    set +f
    for NAME in "$HOME_DIR"/journal/[0-9]*; do
        [ ! -e "$NAME" ] || NUMBER=${NAME##*/}
    done
    set -f
    strip "$NUMBER"
    NUMBER=0000$((STRIPPED + 1))
    NUMBER=${NUMBER#"${NUMBER%????}"}
}

# Sets ENTRIES to the entries' paths, newest first, and ENTRY_COUNT.
journal_list() {
    ENTRIES=
    ENTRY_COUNT=0
    set +f
    for NAME in "$HOME_DIR"/journal/[0-9]*; do
        [ -f "$NAME" ] || continue
        ENTRIES="${NAME##*/} $ENTRIES"
        ENTRY_COUNT=$((ENTRY_COUNT + 1))
    done
    set -f
}

# journal_with ENTRY COMMAND...: runs COMMAND with the entry's items added. Returns its status, 2: cut short.
journal_with() {
    ENTRY=$1
    shift
    WHOLE=
    while IFS= read -r ITEM; do
        [ "$ITEM" != . ] || WHOLE=yes
        [ "$ITEM" = . ] || set -- "$@" "${ITEM#=}"
    done 2>/dev/null <"$ENTRY"
    [ -n "$WHOLE" ] || return 2
    "$@"
}

# Puts everything back. Sets RESTORED and FAILED (JSON lists of entries), STUCK (labels of what stays), LEFTOVERS.
journal_restore() {
    RESTORED= FAILED= STUCK=
    journal_list
    LEFTOVERS=0
    for NAME in $ENTRIES; do
        WHY=
        journal_with "$HOME_DIR/journal/$NAME" undo
        case $? in
        0) LEFTOVERS=$((LEFTOVERS + 1)) && journal_forget ;;
        2) journal_forget ;;
        *)
            LEFTOVERS=$((LEFTOVERS + 1))
            [ "$WHY" != gone ] || journal_forget
            STUCK="$STUCK${STUCK:+; }$LABEL: $WHY"
            ;;
        esac
    done
    RESTORED="[${RESTORED#,}]" FAILED="[${FAILED#,}]"
}

# undo LABEL KIND ITEM...
undo() {
    describe_entry "$@"
    LABEL=$1
    KIND=$2
    shift 2
    if [ "$KIND" = argv ]; then
        "$@" >/dev/null 2>&1 </dev/null || WHY="$1 ended with status $?"
    elif [ ! -e "$1" ] && [ "$KIND" = file ]; then
        WHY=gone
    else
        write_value "$KIND" "$1" "$2" || WHY="cannot be written"
    fi
    if [ -z "$WHY" ]; then
        RESTORED="$RESTORED,{$DESCRIBED}"
    else
        quote "$WHY"
        FAILED="$FAILED,{$DESCRIBED,\"why\":$QUOTED}"
        return 1
    fi
}

# Sets DESCRIBED to an entry's fields as JSON: `path` and `old` as the Python agent has them (null where the undoing is
# no putting back of a value), `label` and the words of the undoing.
describe_entry() {
    quote "$1"
    DESCRIBED="\"label\":$QUOTED,\"path\":$QUOTED,\"old\":"
    QUOTED=null
    case $2:${3-}:${4-} in
    file:* | root-file:*) quote "${4-}" ;;
    argv:settings:put) quote "${7-}" ;;
    esac
    DESCRIBED=$DESCRIBED$QUOTED
    shift 2
    UNDO_LIST=
    for ITEM; do
        quote "$ITEM"
        UNDO_LIST=$UNDO_LIST,$QUOTED
    done
    DESCRIBED="$DESCRIBED,\"undo\":[${UNDO_LIST#,}]"
}

# write_value KIND PATH VALUE: never makes a file. Through `su` only paths that need no quoting (see `checked_path`).
write_value() {
    if [ "$1" = root-file ]; then
        put "$3" | su -c "cat >$2" >/dev/null 2>&1
    else
        [ -e "$2" ] && { put "$3" >"$2"; } 2>/dev/null
    fi
}

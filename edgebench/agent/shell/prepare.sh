# Preparing the device, each change journalled before it is made; and whether it held to the end.
# What cannot be set is a warning: the host grades it.

prepare_line() {
    case $KEY in
    ask) ASKS=$((ASKS + 1)) && eval "ASK_$ASKS=\$VALUE" && return ;;
    do) DOS=$((DOS + 1)) && eval "DO_$DOS=\$VALUE" && return ;;
    undo) UNDOS=$((UNDOS + 1)) && eval "UNDO_$UNDOS=\$VALUE" && return ;;
    expect) EXPECT=$VALUE && return ;;
    esac
    pair_through
    case $KEY in
    as-root) AS_ROOT=yes ;;
    set-file) set_file ;;
    set-setting) set_setting ;;
    set-pair) PAIR_LABEL=$VALUE PAIR_OPEN=yes EXPECT= ASKS=0 DOS=0 UNDOS=0 ;;
    esac
}

# with_list NAME COUNT COMMAND...: runs COMMAND with NAME_1 to NAME_COUNT added as arguments.
with_list() {
    LIST_NAME=$1
    LIST_COUNT=$2
    shift 2
    ITEM_N=0
    while [ $ITEM_N -lt "$LIST_COUNT" ]; do
        ITEM_N=$((ITEM_N + 1))
        eval "set -- \"\$@\" \"\$${LIST_NAME}_$ITEM_N\""
    done
    "$@"
}

set_file() {
    SET_KIND=file LABEL=${VALUE%% *} NEW=${VALUE#* }
    SET_PATH=$ROOT$LABEL
    if [ -n "$AS_ROOT" ]; then
        AS_ROOT= SET_KIND=root-file
        case $SET_PATH in
        *[!A-Za-z0-9_./:@,+-]*)
            not_set "as root only plain paths are written"
            return
            ;;
        esac
    fi
    if ! read_setting; then
        not_set "it cannot be read"
    elif [ "$OLD" != "$NEW" ]; then
        change "$SET_KIND" "$SET_PATH" "$OLD"
    fi
}

set_setting() {
    SET_KIND=setting
    SPACE=${VALUE%% *} NEW=${VALUE#* }
    SET_NAME=${NEW%% *} NEW=${NEW#* }
    LABEL=$SPACE/$SET_NAME
    if ! read_setting; then
        not_set "settings does not tell it"
    elif [ "$OLD" = "$NEW" ]; then
        :
    elif [ "$OLD" = null ]; then
        change argv settings delete "$SPACE" "$SET_NAME"
    else
        change argv settings put "$SPACE" "$SET_NAME" "$OLD"
    fi
}

# A set-pair has no last line of its own: it is through when another line comes.
pair_through() {
    [ -n "$PAIR_OPEN" ] || return 0
    PAIR_OPEN= SET_KIND=pair LABEL=$PAIR_LABEL NEW=$EXPECT OLD=null
    if [ "$ASKS" -gt 0 ]; then
        read_setting || OLD=
        [ "$OLD" != "$NEW" ] || return 0
    fi
    with_list UNDO "$UNDOS" change argv
}

# read_setting: sets OLD to what LABEL is now, "null" for a setting that is not there. Returns 1 where it cannot be told.
read_setting() {
    OLD=
    case $SET_KIND in
    file)
        { IFS= read -r OLD <"$SET_PATH"; } 2>/dev/null || [ -n "$OLD" ]
        ;;
    root-file) OLD=$(su -c "cat $SET_PATH" 2>/dev/null </dev/null) ;;
    setting) OLD=$(settings get "$SPACE" "$SET_NAME" 2>/dev/null </dev/null) ;;
    pair) OLD=$(with_list ASK "$ASKS" 2>/dev/null </dev/null) ;;
    esac
}

# change KIND ITEM...: notes how LABEL is undone, then sets it to NEW.
change() {
    if ! journal_note "$LABEL" "$@"; then
        not_set "what it was cannot be noted"
        return
    fi
    case $SET_KIND in
    file | root-file) write_value "$SET_KIND" "$SET_PATH" "$NEW" ;;
    setting) settings put "$SPACE" "$SET_NAME" "$NEW" >/dev/null 2>&1 </dev/null ;;
    pair) with_list DO "$DOS" >/dev/null 2>&1 </dev/null ;;
    esac
    SET_STATUS=$?
    if [ $SET_STATUS -ne 0 ]; then
        journal_forget
        not_set "refused with status $SET_STATUS"
    else
        note_set
    fi
}

not_set() {
    warn pin-failed "$LABEL: $1"
}

# Remembers what was set, for the event and for the look afterwards.
note_set() {
    SETS=$((SETS + 1))
    eval "SET_KIND_$SETS=\$SET_KIND SET_LABEL_$SETS=\$LABEL SET_NEW_$SETS=\$NEW SET_PATH_$SETS=\${SET_PATH-}"
    quote "$LABEL"
    ONE="\"key\":$QUOTED"
    quote "$OLD"
    [ "$OLD" != null ] || QUOTED=null
    ONE="$ONE,\"old\":$QUOTED"
    quote "$NEW"
    SET_LIST="$SET_LIST,{$ONE,\"new\":$QUOTED}"
}

# The `prepared` event, once, when the lines that prepare are through.
prepared() {
    [ -z "$PREPARED" ] || return 0
    pair_through
    PREPARED=yes
    pins
    tell prepared ",\"when\":\"before\",\"set\":[${SET_LIST#,}],\"pins\":$PINS"
}

# Sets PINS: what can be pinned, as it is now, in the Python agent's words.
pins() {
    PINS=
    set +f
    for POLICY in "$ROOT"/sys/devices/system/cpu/cpufreq/policy*; do
        PIN=
        { read -r PIN <"$POLICY/scaling_governor"; } 2>/dev/null
        [ -n "$PIN" ] || continue
        quote "$PIN"
        PINS="$PINS,\"policy${POLICY##*/policy}\":$QUOTED"
    done
    set -f
    PINS="{\"governor\":{${PINS#,}}}"
}

# How the settings held: asked again, before anything is put back. Pairs are not asked: their lists are gone by then.
prepared_after() {
    [ -n "$PREPARED" ] || return 0
    LOST=
    SET_N=0
    while [ $SET_N -lt "$SETS" ]; do
        SET_N=$((SET_N + 1))
        eval "SET_KIND=\$SET_KIND_$SET_N LABEL=\$SET_LABEL_$SET_N NEW=\$SET_NEW_$SET_N SET_PATH=\$SET_PATH_$SET_N"
        SPACE=${LABEL%%/*} SET_NAME=${LABEL#*/}
        [ "$SET_KIND" != pair ] || continue
        read_setting
        [ "$OLD" = "$NEW" ] || note_lost
    done
    pins
    tell prepared ",\"when\":\"after\",\"lost\":[${LOST#,}],\"pins\":$PINS"
}

note_lost() {
    quote "$LABEL"
    ONE="\"key\":$QUOTED"
    quote "$NEW"
    ONE="$ONE,\"wanted\":$QUOTED"
    quote "$OLD"
    LOST="$LOST,{$ONE,\"found\":$QUOTED}"
}

# await_unplugged SECONDS: until no power source is told; the cable is often the link, so nothing is heard from then on.
await_unplugged() {
    tell waiting ',"for":"unplugged","text":"pull the cable now"'
    centis "$1"
    now
    UNTIL=$((NOW_CS + CS))
    while [ -z "$END_CODE" ]; do
        case $(dumpsys battery 2>/dev/null </dev/null) in
        *'powered: true'*) WHY="it is still plugged in after $1 s" ;;
        *'powered: false'*) return ;;
        *) WHY="dumpsys battery does not say whether it is plugged in" ;;
        esac
        now
        [ $((UNTIL - NOW_CS)) -gt 0 ] || ending timeout "$WHY"
        lease_over && [ -z "$END_CODE" ] && pause 1
    done
}

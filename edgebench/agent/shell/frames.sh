# Events as frames, times and texts in them. Nothing here starts a process, but for texts that are not plain ASCII.

MAGIC=EB1
PROTOCOL=1
TEXT_LIMIT=500

case ${KSH_VERSION-} in
*MIRBSD*)
    # A tool must not run at another priority than it was started with.
    set +U +o bgnice
    # printf is no builtin in every mksh, and its echo heeds backslashes.
    put() { print -r -- "$1"; }
    ;;
*) put() { printf '%s\n' "$1"; } ;;
esac

# Reckons in bytes: a text may hold anything.
LC_ALL=C

# Sets NOW_CS (centiseconds since boot, the clock's resolution) and NOW_NS (the same as nanoseconds, as text:
# mksh reckons in 32 bits, so only differences of centiseconds are ever reckoned with).
now() {
    NOW_CS=
    { IFS=' ' read -r NOW_CS _ <"$ROOT/proc/uptime"; } 2>/dev/null
    case $NOW_CS in
    *[!0-9.]* | *.*.*) NOW_CS=0 ;;
    ?*.??) NOW_CS=${NOW_CS%.*}${NOW_CS#*.} ;;
    *) NOW_CS=0 ;;
    esac
    strip "$NOW_CS"
    NOW_CS=$STRIPPED
    nanos "$NOW_CS"
    NOW_NS=$NANOS
}

# nanos CENTISECONDS: sets NANOS, by digits: mksh could not multiply that far.
nanos() {
    NANOS=$1
    [ "$1" = 0 ] || NANOS=${1}0000000
}

# strip NUMBER: sets STRIPPED, without leading zeros; with them a number would be octal, and no JSON.
strip() {
    STRIPPED=$1
    while :; do
        case $STRIPPED in
        0?*) STRIPPED=${STRIPPED#0} ;;
        *) break ;;
        esac
    done
}

# centis SECONDS: sets CS; finer digits are cut off.
centis() {
    case $1 in
    *.*)
        CS=${1#*.}0
        CS=${1%%.*}${CS%"${CS#??}"}
        ;;
    *) CS=${1}00 ;;
    esac
    strip "$CS"
    CS=$STRIPPED
}

# emit EV FIELDS: one frame of the verb on stdout; FIELDS is JSON as `,"key":value`.
# What was said is kept for the hash in `end`.
emit() {
    now
    LINE="$MAGIC $NONCE $SEQ - {\"ev\":\"$1\",\"t\":$NOW_NS$2}"
    SEQ=$((SEQ + 1))
    put "$LINE" 2>/dev/null
    SAID=$SAID$LINE$NEWLINE
}

# say_end CODE MESSAGE: the last frame of a verb; an empty CODE is success. Exits.
say_end() {
    SUM=$(put "${SAID%"$NEWLINE"}" | sha256sum)
    [ -n "$SAID" ] || SUM=$(sha256sum </dev/null)
    code_fields "$1" "$2"
    emit end "$FIELDS,\"sha256\":\"${SUM%% *}\""
    [ -z "$1" ] || exit 1
    exit 0
}

# Sets FIELDS to code and message as JSON, null where they are empty.
code_fields() {
    quote_or_null "$1"
    FIELDS=",\"code\":$QUOTED"
    quote_or_null "$2"
    FIELDS="$FIELDS,\"message\":$QUOTED"
}

quote_or_null() {
    QUOTED=null
    [ -z "$1" ] || quote "$1"
}

NEWLINE='
'

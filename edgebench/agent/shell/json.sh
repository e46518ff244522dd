# Texts as JSON strings: whatever bytes they have, the frame stays whole.

# quote TEXT: sets QUOTED to a JSON string of its first 500 bytes.
quote() {
    TEXT=$1
    [ ${#TEXT} -le $TEXT_LIMIT ] || cut_text
    case $TEXT in
    *[!\ -~]*) quote_bytes ;;
    *[\"\\]*) quote_marks ;;
    *) QUOTED="\"$TEXT\"" ;;
    esac
}

# Takes bytes off one by one: `printf %.500s` would be a process.
cut_text() {
    TEN='??????????'
    FIFTY=$TEN$TEN$TEN$TEN$TEN
    HUNDREDS=$FIFTY$FIFTY$FIFTY$FIFTY$FIFTY$FIFTY$FIFTY$FIFTY$FIFTY$FIFTY
    REST=${TEXT#$HUNDREDS}
    TEXT=${TEXT%"$REST"}
}

# Printable ASCII with quotes and backslashes in it.
quote_marks() {
    QUOTED=
    REST=$TEXT
    while :; do
        PLAIN=${REST%%[\"\\]*}
        QUOTED=$QUOTED$PLAIN
        REST=${REST#"$PLAIN"}
        [ -n "$REST" ] || break
        PLAIN=${REST#?}
        QUOTED=$QUOTED\\${REST%"$PLAIN"}
        REST=$PLAIN
    done
    QUOTED="\"$QUOTED\""
}

# Any bytes, each character as \uXXXX; what is no UTF-8 becomes U+FFFD, as the host's own decoder has it.
quote_bytes() {
    QUOTED=
    NEED=0
    POINT=0
    # the newline that `put` adds is the last byte and is left out
    # shellcheck disable=SC2046
    set -- $(put "$TEXT" | od -An -v -tu1)
    while [ $# -gt 1 ]; do
        take_byte "$1"
        shift
    done
    [ $NEED -eq 0 ] || unicode 65533
    QUOTED="\"$QUOTED\""
}

take_byte() {
    if [ $NEED -gt 0 ]; then
        if [ "$1" -ge $LEAST ] && [ "$1" -le $MOST ]; then
            POINT=$((POINT * 64 + $1 - 128))
            NEED=$((NEED - 1))
            LEAST=128
            MOST=191
            [ $NEED -gt 0 ] || unicode $POINT
            return
        fi
        unicode 65533
    fi
    first_byte "$1"
}

# LEAST and MOST bound the second byte, so that no overlong form and no surrogate passes (RFC 3629, section 4).
first_byte() {
    NEED=0
    LEAST=128
    MOST=191
    case $1 in
    ? | ?? | 10? | 11? | 12[0-7]) unicode "$1" ;;
    19[4-9] | 20? | 21? | 22[0-3]) NEED=1 POINT=$(($1 - 192)) ;;
    22[4-9] | 23?)
        NEED=2 POINT=$(($1 - 224))
        [ "$1" != 224 ] || LEAST=160
        [ "$1" != 237 ] || MOST=159
        ;;
    24[0-4])
        NEED=3 POINT=$(($1 - 240))
        [ "$1" != 240 ] || LEAST=144
        [ "$1" != 244 ] || MOST=143
        ;;
    *) unicode 65533 ;;
    esac
}

unicode() {
    if [ "$1" -le 65535 ]; then
        hex "$1"
    else
        hex $((55296 + ($1 - 65536) / 1024))
        hex $((56320 + ($1 - 65536) % 1024))
    fi
}

hex() {
    QUOTED="$QUOTED\\u"
    for DIGIT in $(($1 / 4096)) $(($1 / 256 % 16)) $(($1 / 16 % 16)) $(($1 % 16)); do
        case $DIGIT in
        10) DIGIT=a ;; 11) DIGIT=b ;; 12) DIGIT=c ;; 13) DIGIT=d ;; 14) DIGIT=e ;; 15) DIGIT=f ;;
        esac
        QUOTED=$QUOTED$DIGIT
    done
}

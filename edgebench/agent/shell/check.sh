# job.txt, examined before anything is done: what is not understood to its last line is refused as a whole.

# split_line LINE: sets KEY and VALUE, the rest of the line literally.
split_line() {
    KEY=${1%% *}
    VALUE=${1#"$KEY"}
    VALUE=${VALUE# }
}

# Sets WHY and returns 1 where job.txt cannot be used.
check_job() {
    WHY= SEEN=' ' OPEN= PAIR= COUNT=0 LINE=
    [ -r "$JOB_DIR/job.txt" ] || WHY="there is no readable job.txt"
    [ -z "$WHY" ] || return 1
    while IFS= read -r LINE; do
        COUNT=$((COUNT + 1))
        split_line "$LINE"
        check_line
        [ -z "$WHY" ] || break
        SEEN="$SEEN$KEY "
    done <"$JOB_DIR/job.txt"
    if [ -n "$WHY" ]; then
        WHY="line $COUNT of job.txt: $WHY"
    elif [ -n "$LINE" ]; then
        WHY="job.txt ends in the middle of a line"
    else
        check_whole
    fi
    [ -z "$WHY" ]
}

check_whole() {
    [ -z "$OPEN" ] || WHY="job.txt ends in the middle of a step"
    for KEY in protocol job nonce holder lease_s max_time_s root step end; do
        case $SEEN in
        *" $KEY "*) ;;
        *) WHY="job.txt lacks $KEY" ;;
        esac
    done
}

check_line() {
    case $KEY in
    ask | expect | do | undo) [ -n "$PAIR" ] && PAIR="$PAIR $KEY" || WHY="$KEY without set-pair" ;;
    set-pair) check_pair && PAIR=pair ;;
    *) check_pair && PAIR= ;;
    esac
    case $KEY in
    mask | env | idle | repeat | burn | meminfo | output | program | arg | run)
        [ -n "$OPEN" ] || WHY="$KEY outside of a step"
        ;;
    *)
        [ -z "$OPEN" ] || WHY="$KEY within a step"
        check_place
        ;;
    esac
    case $SEEN in
    *' end '*) WHY="something stands behind the end" ;;
    esac
    [ -n "$WHY" ] || check_value
}

# What prepares and what is sampled is settled before the first step.
check_place() {
    case $KEY,$SEEN in
    step,* | end,*) ;;
    *,*' step '*) WHY="$KEY behind a step" ;;
    esac
}

check_pair() {
    case $PAIR in
    '' | *' do'*' undo'* | *' undo'*' do'*) ;;
    *) WHY="a set-pair lacks do or undo" ;;
    esac
}

check_value() {
    case $KEY in
    protocol) [ "$VALUE" = $PROTOCOL ] || WHY="it speaks protocol $VALUE, the agent $PROTOCOL" ;;
    job) [ "$VALUE" = "$JOB" ] || WHY="it is the job $VALUE" ;;
    nonce) check_like "$VALUE" '[!0-9A-Za-z]' ;;
    holder | set-pair | ask | expect | do | undo | arg) ;;
    root | set-file | source-lines | source | program) check_path ;;
    lease_s | await-unplugged | idle | repeat) check_seconds "$VALUE" ;;
    max_time_s) [ "$VALUE" = - ] || check_seconds "$VALUE" ;;
    set-setting) check_words 3 ;;
    as-root | meminfo) [ "$VALUE" = 1 ] || WHY="$KEY is 1 or not there" ;;
    jitter) check_jitter ;;
    source-every | source-command) check_words 3 && check_count "${VALUE%% *}" ;;
    step) check_step ;;
    mask) check_like "$VALUE" '[!0-9a-fA-F]' ;;
    env) check_env ;;
    burn) check_count "$VALUE" ;;
    output) check_output ;;
    run) check_run ;;
    end) ;;
    *) WHY="unknown key" ;;
    esac
}

# check_like VALUE PATTERN: not empty, and nothing in it that the pattern finds.
check_like() {
    case $1 in
    '' | *$2*) WHY="$KEY cannot be $1" ;;
    esac
}

check_count() {
    case $1 in
    '' | 0* | *[!0-9]* | ????*) WHY="$KEY cannot be $1" ;;
    esac
}

check_seconds() {
    case $1 in
    '' | *[!0-9.]* | *.*.* | .* | *. | ???????*) WHY="$KEY cannot be $1" ;;
    esac
}

check_path() {
    case $VALUE in
    */*) ;;
    *) WHY="$KEY needs a path" ;;
    esac
}

# check_words N: at least so many words.
check_words() {
    LEAST=$1
    # shellcheck disable=SC2086
    set -- $VALUE
    [ $# -ge "$LEAST" ] || WHY="$KEY needs $LEAST words"
}

check_jitter() {
    # shellcheck disable=SC2086
    set -- $VALUE
    [ $# -gt 0 ] || WHY="jitter has no interval"
    for INTERVAL; do check_seconds "$INTERVAL"; done
}

check_step() {
    OPEN=step
    # shellcheck disable=SC2086
    set -- $VALUE
    if [ $# -ne 6 ]; then
        WHY="step needs 6 words"
        return
    fi
    for NUMBER in "$1" "$3" "$4" "$5"; do check_like "$NUMBER" '[!0-9]'; done
    check_like "$2" '[!a-z]'
    check_seconds "$6"
}

check_env() {
    NAME=${VALUE%%=*}
    case $NAME in
    "$VALUE" | '' | [0-9]* | *[!A-Za-z0-9_]*) WHY="env needs NAME=VALUE" ;;
    esac
}

check_output() {
    case $VALUE in
    '' | .* | -* | */*) WHY="an output is a plain file name" ;;
    esac
}

check_run() {
    OPEN=
    case ${SEEN##* step } in
    *'program '* | *'burn '*) ;;
    *) WHY="a step runs no program" ;;
    esac
}

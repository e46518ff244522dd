# A known load for calibrating a gauge: N busy loops in one process group.

BURN_ROUNDS=100000

# burn N: internal; runs until it is killed. Its loops end by themselves when the first is gone.
verb_burn() {
    read -r LEADER _ </proc/self/stat
    BURNERS=$1
    while [ "$BURNERS" -gt 1 ]; do
        burn_while "$LEADER" &
        BURNERS=$((BURNERS - 1))
    done
    burn_while "$LEADER"
}

burn_while() {
    while kill -0 "$1" 2>/dev/null; do
        ROUND=0
        while [ $ROUND -lt $BURN_ROUNDS ]; do ROUND=$((ROUND + 1)); done
    done
}

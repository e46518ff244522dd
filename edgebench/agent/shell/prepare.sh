# Preparing the device, each change journalled before it is made; and whether it held.

prepare_line() {
    :
}

# The `prepared` event, once, when the lines that prepare are through.
prepared() {
    [ -z "$PREPARED" ] || return 0
    PREPARED=yes
    tell prepared ',"when":"before","set":[],"pins":{}'
}

prepared_after() {
    [ -n "$PREPARED" ] || return 0
    tell prepared ',"when":"after","lost":[],"pins":{}'
}

await_unplugged() {
    :
}

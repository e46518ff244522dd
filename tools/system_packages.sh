#!/bin/sh
# Installs (as root) or names (as anybody else) the Debian packages that the given parts need.
# usage: system_packages.sh PYTHON [venv] [sshd] [shells] [adb] [cc] [sudo] [setpriv]
set -eu
python=${1:?a Python interpreter}
shift
missing=""
for part in "$@"; do
    case $part in
    venv) "$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv" ;;
    sshd)
        PATH="$PATH:/usr/sbin:/sbin"
        command -v sshd >/dev/null || missing="$missing openssh-server"
        command -v ssh-keygen >/dev/null || missing="$missing openssh-client"
        ;;
    shells)
        # what phones have for a shell, and what minimal boards have
        for shell in dash mksh busybox toybox; do
            command -v $shell >/dev/null || missing="$missing $shell"
        done
        ;;
    # another release than the one that adbutils carries: its servers are to be used, and left alone
    adb) command -v adb >/dev/null || missing="$missing adb" ;;
    cc)
        # a delegate library of the tests' own is built with it
        command -v cc >/dev/null || missing="$missing gcc libc6-dev"
        ;;
    sudo)
        # the drop-in that we make for boards is read by the real one
        PATH="$PATH:/usr/sbin:/sbin"
        command -v visudo >/dev/null || missing="$missing sudo"
        ;;
    # root's tests become somebody else with it, and what runs on a simulated board obeys the permissions of its files
    setpriv) command -v setpriv >/dev/null || missing="$missing util-linux" ;;
    *) echo "system_packages.sh: unknown part $part" >&2; exit 2 ;;
    esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "installing$missing"
    apt-get update -qq
    # no daemon is started: the tests run servers of their own on loopback ports
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "missing Debian packages:$missing" >&2
    echo "install them: sudo apt-get install$missing" >&2
    exit 1
fi

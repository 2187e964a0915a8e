#!/bin/sh
# Try the NEON kernel: build the programs of this folder for 64-bit ARM and run them here, or under qemu on another processor.
# What it needs (a cross compiler, ARM's libc, qemu-user) is installed from Debian where it is missing.
#
#   neon.sh [ROUNDS [SEED]]       800,000 take 20 seconds under qemu
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rounds=${1:-800000}
seed=${2:-7}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

install() {
    echo "installing $*"
    root=
    if [ "$(id -u)" != 0 ]; then root='sudo -n'; fi
    if ! { command -v apt-get && $root apt-get update -qq &&
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$folder/log" 2>&1; then
        tail -n 5 "$folder/log" >&2
        echo "make test-neon needs the Debian packages $*: install them, or their like" >&2
        exit 1
    fi
}

if [ "$(uname -m)" = aarch64 ]; then
    CC=${CC:-cc} run=
else
    CC=aarch64-linux-gnu-gcc run=qemu-aarch64-static
    missing=
    command -v "$CC" >/dev/null || missing="gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    command -v "$run" >/dev/null || missing="$missing qemu-user-static"
    # shellcheck disable=SC2086  # a list
    [ -z "$missing" ] || install $missing
fi
export CC

try() {
    program=$1
    shift
    sh "$here/build.sh" "$program" "$folder/$program" -O3 -static
    said=$($run "$folder/$program" "$@") || {
        echo "$said"
        exit 1
    }
    echo "$said"
    case $said in
    *": neon scalar"*) ;;
    *)
        echo "$program: the NEON kernel was not among those that ran" >&2
        exit 1
        ;;
    esac
}

try differential "$rounds" "$seed"
try hostile 500000

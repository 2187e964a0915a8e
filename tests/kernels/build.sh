#!/bin/sh
# Build a program of this folder with every kernel: build.sh PROGRAM OUT [FLAGS of the compiler ...]. CC is the compiler.
set -eu
program=$1
out=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
scan=$here/../../fixfast/codec/scan
cc=${CC:-cc}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
set -- -O2 -std=c11 -Wall -Wextra -Werror -fno-strict-aliasing -I"$scan" "$@"
avx2= avx512= neon=
machine=$("$cc" -dumpmachine | cut -d- -f1)
if [ "$machine" = x86_64 ]; then
    avx2='-mavx2 -mbmi -mbmi2 -mpopcnt'
    avx512="-mavx512f -mavx512bw -mavx512vl -mavx512vbmi -mavx512vbmi2 $avx2"
elif [ "$machine" = aarch64 ]; then
    neon=-fno-tree-slp-vectorize
fi
# harness.h counts the calls of scalar and passes them on to the function under this name.
"$cc" "$@" -Dff_scan_scalar=ff_scan_scalar_itself -c "$scan/scalar.c" -o "$objects/scalar.o"
"$cc" "$@" -c "$scan/dispatch.c" -o "$objects/dispatch.o"
"$cc" "$@" $avx2 -c "$scan/avx2.c" -o "$objects/avx2.o"
"$cc" "$@" $avx512 -c "$scan/avx512.c" -o "$objects/avx512.o"
"$cc" "$@" $neon -c "$scan/neon.c" -o "$objects/neon.o"
"$cc" "$@" -c "$here/$program.c" -o "$objects/$program.o"
"$cc" "$@" "$objects"/*.o -o "$out"

#!/bin/sh
# Build the differential test of the kernels: build.sh OUT [FLAGS of the compiler ...]. On x86-64 with every kernel.
set -eu
out=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
scan=$here/../../fixfast/codec/scan
cc=${CC:-cc}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
set -- -O2 -std=c11 -Wall -Wextra -Werror -fno-strict-aliasing -I"$scan" "$@"
avx2= avx512=
if [ "$("$cc" -dumpmachine | cut -d- -f1)" = x86_64 ]; then
    avx2='-mavx2 -mbmi -mbmi2 -mpopcnt'
    avx512="-mavx512f -mavx512bw -mavx512vl -mavx512vbmi2 $avx2"
fi
"$cc" "$@" -c "$scan/scalar.c" -o "$objects/scalar.o"
"$cc" "$@" -c "$scan/dispatch.c" -o "$objects/dispatch.o"
"$cc" "$@" $avx2 -c "$scan/avx2.c" -o "$objects/avx2.o"
"$cc" "$@" $avx512 -c "$scan/avx512.c" -o "$objects/avx512.o"
"$cc" "$@" -c "$here/differential.c" -o "$objects/differential.o"
"$cc" "$@" "$objects"/*.o -o "$out"

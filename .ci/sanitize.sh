#!/bin/sh
# Build with AddressSanitizer and UndefinedBehaviourSanitizer in build/sanitize and run there the codec's tests, some of
# stores and sessions, every fuzz target's corpus, some of these tests under every kernel, and for a while the targets
# that give C code hostile dictionaries and messages to walk.
# Every allocation goes through malloc (PYTHONMALLOC), so that the sanitizer sees each message's table and bytes.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
: "${PY:=$here/.venv/bin/python}"
cc=${CC:-cc}
runtime="$($cc -print-file-name=libasan.so) $($cc -print-file-name=libubsan.so)"
for file in $runtime; do
    [ -e "$file" ] || { echo "sanitize: $cc has no $(basename "$file")" >&2; exit 1; }
done
if [ -z "${FIXFAST_CORPORA:-}" ] && [ -d "$here/../shared/corpora" ]; then
    FIXFAST_CORPORA=$here/../shared/corpora
    export FIXFAST_CORPORA
fi

"$PY" "$here/.ci/tree.py" "$here/build/sanitize"
cd "$here/build/sanitize"
FIXFAST_SANITIZE=address,undefined "$PY" setup.py --quiet build_ext --inplace

# detect_leaks=0: the interpreter keeps memory to its end. allocator_may_return_null: tests ask for absurd sizes.
# Everything is several times slower here: fewer random examples than in a plain run.
: "${HYPOTHESIS_PROFILE:=dev}" "${FIXFAST_DIFF_ROUNDS:=2000}"
: "${FIXFAST_FUZZ_ROUNDS:=50}" "${FIXFAST_FUZZ_SECONDS:=10}"
export HYPOTHESIS_PROFILE FIXFAST_DIFF_ROUNDS FIXFAST_FUZZ_ROUNDS

sanitized() {
    LD_PRELOAD=$(echo "$runtime" | tr ' ' ':') \
        PYTHONMALLOC=malloc \
        ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:strict_string_checks=1 \
        UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
        FIXFAST_SANITIZED=1 \
        "$PY" "$@"
}

# What the best kernel is asked under sanitizers, each other one is asked, too: a scan, at sizes of all kinds.
others() {
    kernels=$(sanitized -c 'from fixfast.codec.scan import kernels as k; print(*(set(k.available()) - {k.name()}))')
    for kernel in $kernels; do
        FIXFAST_KERNEL=$kernel FIXFAST_DIFF_ROUNDS=1000 sanitized -m pytest -q -p no:cacheprovider -k 'not [reference' \
            tests/codec/test_framing.py tests/codec/test_data_fields.py tests/codec/test_damage.py
    done
}

if [ $# -gt 0 ]; then
    sanitized -m pytest -q -p no:cacheprovider tests/codec tests/fuzz "$@"
    exit
fi
said=$(mktemp)
trap 'rm -f "$said"' EXIT
(set -e; others) >"$said" 2>&1 &
# The plain-Python twin is not what is looked at here.
sanitized -m pytest -q -p no:cacheprovider -n 2 --dist worksteal -k 'not [reference' \
    tests/codec tests/fuzz tests/store/test_store.py tests/session/test_restart.py
failed=0
wait $! || failed=1
cat "$said"
sanitized -m tests.fuzz.run --plain --seconds "$FIXFAST_FUZZ_SECONDS" --processes 2 \
    --target blob --target dictionary --target validate --target columns || failed=1
exit $failed

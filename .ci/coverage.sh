#!/bin/sh
# Build with line tracing in build/coverage, run the tests there, and report lines of Python and Cython.
# Tests that build packages of their own or judge the checkout are left out: they measure nothing here.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
: "${PY:=$here/.venv/bin/python}"
if [ -z "${FIXFAST_CORPORA:-}" ] && [ -d "$here/../shared/corpora" ]; then
    FIXFAST_CORPORA=$here/../shared/corpora
    export FIXFAST_CORPORA
fi

"$PY" "$here/.ci/tree.py" "$here/build/coverage"
cd "$here/build/coverage"
FIXFAST_COVERAGE=1 "$PY" setup.py --quiet build_ext --inplace
# The demo, the examples and the commands run in processes of their own: those are measured too.
sed -i.bak 's/^\[tool.coverage.run\]$/&\npatch = ["subprocess"]\nparallel = true/' pyproject.toml
rm -f pyproject.toml.bak .coverage .coverage.*
status=0
"$PY" -m coverage run -m pytest -q -p no:cacheprovider -m 'not packaging' "$@" || status=$?
"$PY" -m coverage combine --quiet
"$PY" -m coverage report --skip-covered
exit $status

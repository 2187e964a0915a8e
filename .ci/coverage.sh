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
# The demo, the examples and the commands run in processes of their own: those are measured too. Headers (.pxd) are left
# out: the few inline lines in them are sometimes seen without the Cython plugin, and then the parts cannot be combined.
sed -i.bak -e 's/^\[tool.coverage.run\]$/&\npatch = ["subprocess"]\nparallel = true/' \
    -e 's/^omit = \[/&"*.pxd", /' pyproject.toml
rm -f pyproject.toml.bak .coverage .coverage.*
status=0
# Left out too: tests that look at what an interpreter has loaded, which coverage itself changes.
"$PY" -m coverage run -m pytest -q -p no:cacheprovider -m 'not packaging' --ignore tests/packaging \
    -k 'not loads_nothing and not loads_no_dictionary' "$@" || status=$?
"$PY" -m coverage combine --quiet
"$PY" -m coverage report --skip-covered --omit 'fixfast/fix[0-9t]*/*'
exit $status

"""`python -m fixfast`: the same as the `fixfast` command."""

from __future__ import annotations

import sys

from fixfast.cli import main

if __name__ == "__main__":
    sys.exit(main())

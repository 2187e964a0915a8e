"""Kill -9, again and again: python -m tests.crash [--rounds 200] [--seed N]."""

from __future__ import annotations

import sys

from tests.crash.campaign import main

if __name__ == "__main__":
    sys.exit(main())

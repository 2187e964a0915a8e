"""Trade with faults on, kill, and compare: python -m tests.soak [--minutes 10] [--seed N]."""

from __future__ import annotations

import sys

from tests.soak.campaign import main

if __name__ == "__main__":
    sys.exit(main())

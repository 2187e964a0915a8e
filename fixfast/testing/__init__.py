"""For tests of your own: what every message store promises, as a class of tests.

from fixfast.testing import StoreContract

class TestMyStore(StoreContract):
    def open(self, directory):
        return MyStore(directory / "my.store")
"""

from __future__ import annotations

from fixfast.testing.model import StoreModel
from fixfast.testing.stores import StoreContract, fix_message

__all__ = ["StoreContract", "StoreModel", "fix_message"]

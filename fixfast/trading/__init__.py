"""What lies between a session and a strategy: orders, positions, risk, books. No I/O, no clock, no threads.

Everything here is driven from outside: messages and events come in with the time, requests go out through a callable.
"""

__all__: list[str] = []

"""What can be seen of sessions from outside: numbers, durations, a log of every message."""

"""The exchange's commands on disk, its state as plain data, and the way back after a kill."""

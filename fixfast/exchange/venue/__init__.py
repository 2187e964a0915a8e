"""What the exchange decides, I/O-free: commands in, reports out; one value of each kind for all versions of FIX."""

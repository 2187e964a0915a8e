"""The deterministic simulation: two real sessions, two real journals, one simulated network, every fault, an oracle.

docs/simulation.md says what is simulated and how to run a seed again.
"""

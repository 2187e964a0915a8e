"""Seeded traders that make a living market. See docs/exchange.md."""

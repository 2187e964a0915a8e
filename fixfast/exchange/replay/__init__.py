"""The market data of a recorded log, played again with its timing. See docs/exchange.md."""

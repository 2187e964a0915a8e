"""What the exchange says about its market: books seen from outside, requests, and W, X, Y. See docs/market-data.md."""

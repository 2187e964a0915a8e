"""Accounts that clients register themselves: rules, stores, an HTTP API. `gateway.users` lets them log on."""

"""Registration: the accounts of an exchange while it is open, the HTTP API where they are made, and their users."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fixfast.exchange.accounts.accounts import Accounts, needed, open_store
from fixfast.exchange.accounts.config import AccountsConfig
from fixfast.exchange.gateway.users import Users

if TYPE_CHECKING:
    from fixfast.exchange.accounts.http_server import HttpServer
    from fixfast.exchange.exchange import Exchange

__all__ = ["Registration"]


class Registration:
    """The accounts of an Exchange: `await registration.open()`, `await registration.close()`.

    Args: exchange: whose clients register. config: how.

    Attributes: url: where the HTTP API is, once it is open: "http://127.0.0.1:9880"; "" for nowhere.
    """

    def __init__(self, exchange: Exchange, config: AccountsConfig) -> None:
        self._exchange = exchange
        self._config = config
        self._accounts: Accounts | None = None
        self._users: Users | None = None
        self._http: HttpServer | None = None
        self.url = ""

    @property
    def accounts(self) -> Accounts:
        """The accounts, to look at them, lock and unlock."""
        if self._accounts is None:
            raise RuntimeError("the exchange is not open: `async with Exchange(...) as exchange:` around this")
        return self._accounts

    @property
    def told(self) -> str:
        """Where accounts are made, and kept, in words."""
        journal = self._exchange.config.journal
        kept = "memory only" if journal is None else str(Path(journal) / "accounts.db")
        if self._config.url is not None:
            kept = self._config.shown_url
        return f"{f'POST {self.url}/accounts' if self.url else 'no HTTP API'}; kept in {kept}"

    async def open(self) -> None:
        """Open the store, listen for HTTP, and let the gateway know registered clients.

        Raises: MissingExtra, StoreError; OSError: the HTTP port cannot be had.
        """
        exchange, config = self._exchange, self._config
        known = exchange.config

        def is_participant(comp_id: str) -> bool:
            return known.participant(comp_id) is not None

        store = open_store(config.url, known.journal)
        try:
            accounts = Accounts(config, store, lambda name: name == known.comp_id or is_participant(name))
        except BaseException:
            store.close()
            raise
        self._accounts = accounts
        self._users = users = Users(accounts, is_participant, exchange.gateway.on_user_left)
        exchange.gateway.users = users
        exchange.handle("BE", users.on_user_request)
        try:
            if config.port is not None:
                await self._serve(accounts)
        except BaseException:
            await self.close()
            raise

    async def _serve(self, accounts: Accounts) -> None:
        app = needed("fixfast.exchange.accounts.http_app", "accounts", "the HTTP API of accounts")
        server = needed("fixfast.exchange.accounts.http_server", "accounts", "the HTTP API of accounts")
        api = app.AccountsApi(accounts, https=self._config.certificate is not None)
        http: HttpServer = server.HttpServer(api.app, self._config)
        self._http = http
        await http.start()
        self.url = http.url

    async def close(self) -> None:
        """Answer what is being asked, let go of port and store. Twice is once."""
        if self._http is not None:
            await self._http.close()
        if self._users is not None:
            self._users.close()
        if self._accounts is not None:
            self._accounts.close()

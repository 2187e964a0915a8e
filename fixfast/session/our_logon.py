"""Our own Logon, both roles: what stands in it, and when it says that the numbers begin again (A3, R10)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fixfast.session.config import LogonContext
from fixfast.session.core import ResetInProgress
from fixfast.session.next_expected import NextExpected
from fixfast.session.reject import reversed_sub_ids
from fixfast.session.state import CloseReason, State
from fixfast.session.wire import Message
from fixfast.types import Now, Role

__all__ = ["OurLogon"]


class OurLogon(NextExpected):
    """Making Logons, first ones and answers."""

    __slots__ = ()

    def _begin_logon(self, now: Now) -> None:
        """Initiator: send the Logon, exactly once per connection (I01)."""
        reset = self.config.reset_on_logon or self._reset_is_unanswered()
        if reset and not self._is_fresh():
            self._new_epoch("logon")
        reset = reset or self._resets_by_option()
        if self._send_logon(self.config.heart_bt_int, reset, (), now):
            if reset and self.config.begin_string != "FIX.4.0":
                self._reset = ResetInProgress("")
                self._reset.logon_sent = True
            self._outbox.held = True  # I11: nothing goes out before the answer is in
            self._set_state(State.LOGON_SENT, "Logon sent")

    def _resets_by_option(self) -> bool:
        """Whether to say 141=Y because our numbers were set to 1 when the last connection ended."""
        return (self.config.reset_on_logout or self.config.reset_on_disconnect) and self._is_fresh()

    def _send_logon(
        self,
        heart_bt_int: int,
        reset: bool,
        extra: Iterable[tuple[int, Any]],
        now: Now,
        answered: Message | None = None,
    ) -> bool:
        """Send a Logon; False when it could not be made, and the connection is given up.

        Args: extra: fields to add. answered: the peer's Logon, if ours is the answer to it.
        """
        outbox = self._outbox
        try:
            extra = list(extra)
            if self.role is Role.INITIATOR:
                extra += self._hook_fields(heart_bt_int, reset, now)
            raw = outbox.encode("A", self._logon_fields(heart_bt_int, reset, extra, answered), now.wall_ns)
        except Exception as error:  # the hook is the application's code, and so are the fields it returns
            self._alarm(f"no Logon could be made: {error!r}")
            self._close(CloseReason.LOCAL, silently=True)
            return False
        self._logon_raw = raw
        outbox.withheld.add(outbox.commit(raw, now))
        return True

    def _hook_fields(self, heart_bt_int: int, reset: bool, now: Now) -> list[tuple[int, Any]]:
        config, outbox = self.config, self._outbox
        if config.logon is None:
            return []
        context = LogonContext(
            begin_string=config.begin_string,
            sender_comp_id=config.sender_comp_id,
            target_comp_id=config.target_comp_id,
            msg_seq_num=outbox.next_out,
            sending_time=outbox.timestamp(now.wall_ns).decode("ascii"),
            heart_bt_int=heart_bt_int,
            reset=reset,
        )
        return list(config.logon(context))

    def _logon_fields(
        self, heart_bt_int: int, reset: bool, extra: list[tuple[int, Any]], answered: Message | None
    ) -> list[tuple[int, Any]]:
        """Return the fields of a Logon; what `extra` says replaces our own."""
        config = self.config
        fields: list[tuple[int, Any]] = [(98, 0), (108, heart_bt_int)]
        if reset and config.begin_string != "FIX.4.0":
            fields.append((141, True))
        fields += self._expected_fields(answered.msg_seq_num if answered is not None else 0)
        if config.announce_max_message_size:
            fields.append((383, config.max_message_size))  # L25
        if config.test_message_indicator is not None:
            fields.append((464, config.test_message_indicator))
        if self.role is Role.INITIATOR:
            secrets = ((553, config.username), (554, config.password), (925, config.new_password))
            fields += [(tag, value) for tag, value in secrets if value]
        if config.begin_string == "FIXT.1.1":
            if config.adopt_peer_appl_ver_id and answered is not None and self.role is Role.ACCEPTOR:
                self._own_version = answered.get(1137) or self._own_version  # X12
            fields.append((1137, self._own_version))
        if answered is not None and self.role is Role.ACCEPTOR:
            ours = config.sub_ids
            fields += [item for item in reversed_sub_ids(answered) if item[0] not in ours]  # C04
        given = {field[0] for field in extra}
        return [field for field in fields if field[0] not in given] + extra

    def _logon_timeout(self) -> float:
        default = 10 if self.role is Role.INITIATOR else 5
        return default if self.config.logon_timeout is None else self.config.logon_timeout

"""The oracle at the wire: every message that a session hands over to be sent, before it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixfast.codec.reference.parse import parse
from fixfast.dictionary.validation import Validation
from fixfast.dictionary.versions import DictionarySet
from tests.simulation.account import ADMIN, STALE, Account, LinkAccount, Sent, Violation, read

if TYPE_CHECKING:
    from tests.simulation.link import Link
    from tests.simulation.node import Node
    from tests.simulation.world import World

__all__ = ["WireOracle"]

#: requests for one missing number on one connection: the first, one for a skip in the resent stream (G05), one for want
#: of progress (G08), one for a hole behind it (G07)
MAX_REQUESTS = 4


#: One message in so many is read with the reference codec, which takes its time.
SAMPLE = 40
#: Logons carry tags that older versions do not have.
OWN_TAGS = Validation("observe", unknown_tags=False, user_defined_tags=False)


def _comparable(raw: bytes) -> list[bytes]:
    """The fields of a message that a resend must not change, in order."""
    return [p for p in raw.split(b"\x01") if not p.startswith((b"9=", b"10=", b"43=", b"52=", b"122="))]


class WireOracle:
    """B5.1, 2, 6, 8 and S-a, c, f, g, h."""

    world: World
    sides: tuple[Account, Account]

    def on_wire(self, i: int, raw: bytes, link: Link) -> None:
        """Judge a message of side i that goes to the connection now."""
        side, conn = self.sides[i], link.accounts[i]
        fields = read(raw)
        msg_type, n = fields[b"35"], int(fields[b"34"])
        resent = fields.get(b"43") == b"Y"
        self.world.note("wire", i, msg_type, n, resent)
        self.world.messages[i] += 1
        side.wires.add(raw)
        if self.world.messages[i] % SAMPLE == 1:
            self._check_codec(i, raw)
        if msg_type not in ADMIN:
            self._check_logged_on(i, raw, link)
        if not resent:
            self._new(i, side, conn, raw, n, msg_type)
            if msg_type == b"3":
                self._check_reject(i, fields)
        elif msg_type == b"4":
            self._gap_fill(i, side, n, fields)
        else:
            self._resent(side, raw, n, fields)
        if msg_type == b"A":
            if not conn.logon_sent:
                conn.logon_end = link.written[i] + self._pending + len(raw)
            conn.logon_sent = True
            self._check_expected(i, fields)
        elif msg_type == b"2":
            begin = int(fields[b"7"])
            conn.asked[begin] = conn.asked.get(begin, 0) + 1
            if conn.asked[begin] > MAX_REQUESTS:
                raise Violation("S-c", f"side {i} asked for {begin} {conn.asked[begin]} times on one connection")
        elif msg_type == b"5":
            conn.logged_out = True

    def _check_expected(self, i: int, fields: dict[bytes, bytes]) -> None:
        """N02, N03: 789 never goes beyond the first message that is missing."""
        session = self.world.nodes[i].session
        expected = int(fields.get(b"789", b"0"))
        if session is not None and session._failure is None and expected > session.next_in:
            raise Violation("N03", f"side {i} says it expects {expected}, and misses {session.next_in}")

    #: bytes of messages judged and not written yet: they are written together
    _pending = 0

    def _check_codec(self, i: int, raw: bytes) -> None:
        """S-e: what goes out is right by the dictionary, says the codec that is written for being read."""
        config = self.world.nodes[i].config
        fixt = config.begin_string == "FIXT.1.1"
        dictionary = DictionarySet(config.default_appl_ver_id) if fixt else None
        fault = parse(raw, dictionary=dictionary, validate=OWN_TAGS).fault
        if fault is not None:
            raise Violation("S-e", f"side {i}: {fault} in {raw!r}")

    def _check_logged_on(self, i: int, raw: bytes, link: Link) -> None:
        conn, theirs = link.accounts[i], link.accounts[1 - i]
        heard = theirs.logon_sent and conn.read >= theirs.logon_end
        if not (conn.logon_sent and (heard or self.world.corrupted)):
            raise Violation("S-a", f"side {i} sent an application message before the logon was complete: {raw!r}")

    def _new(self, i: int, side: Account, conn: LinkAccount, raw: bytes, n: int, msg_type: bytes) -> None:
        """A number's first and only appearance without PossDupFlag."""
        if conn.logged_out:
            raise Violation("S-h", f"side {i} sent a new message after its Logout: {raw!r}")
        message = side.sent.get(n)
        if message is None or message.raw != raw or not message.accepted:
            raise Violation("B5.2", f"side {i}: no OUT record for {raw!r}")
        if message.wired:
            raise Violation("B5.1", f"side {i}: number {n} a second time without PossDupFlag: {raw!r}")
        message.wired = True
        node = self.world.nodes[i]
        if node.gated and not message.hidden and not node.disk.holds(raw):
            raise Violation("B5.2", f"side {i} ({node.policy}): on the wire before it was durable: {raw!r}")
        if conn.last_new and n != conn.last_new + 1:
            hole = range(conn.last_new + 1, n)
            if n <= conn.last_new or any(k not in side.sent or side.sent[k].wired for k in hole):
                raise Violation("S-f", f"side {i}: {n} follows {conn.last_new}")
        conn.last_new = n if msg_type != b"A" or n != 1 else 1
        side.highest_wired[side.epoch] = max(n, side.highest_wired.get(side.epoch, 0))

    def _resent(self, side: Account, raw: bytes, n: int, fields: dict[bytes, bytes]) -> None:
        message = side.sent.get(n)
        if message is None or not message.accepted:
            raise Violation("B5.2", f"resent, and never stored: {raw!r}")
        if not message.is_app:
            raise Violation("P15", f"a session message was resent: {raw!r}")
        if _comparable(raw) != _comparable(message.raw):
            raise Violation("B5.6", f"resent {raw!r}, was {message.raw!r}")
        if fields.get(b"122") != message.fields[b"52"]:
            raise Violation("B5.6", f"OrigSendingTime is not the SendingTime: {raw!r}, was {message.raw!r}")

    def _gap_fill(self, i: int, side: Account, n: int, fields: dict[bytes, bytes]) -> None:
        new = int(fields[b"36"])
        if new <= n or new > side.stored + 1:
            raise Violation("P20", f"side {i}: GapFill {n}..{new - 1}, sent were up to {side.stored}")
        for k in range(n, new):
            message = side.sent.get(k)
            if message is None or not message.is_app:
                continue
            if not (message.excuse or message.msg_type in STALE or self.world.nodes[i].vetoes(message.id)):
                raise Violation("B5.8", f"side {i}: GapFill {n}..{new - 1} covers {message.raw!r}")
            message.excuse = message.excuse or "gap fill"

    def _check_reject(self, i: int, fields: dict[bytes, bytes]) -> None:
        """S-g, and: honest peers have nothing to reject of each other unless a clock is wrong."""
        if fields.get(b"58") == b"by the application":
            return
        theirs = self.sides[1 - i].out.get(self.sides[i].peer_epoch or self.sides[1 - i].epoch, {})
        refused: Sent | None = theirs.get(int(fields[b"45"]))
        if refused is not None and refused.msg_type == b"3":
            raise Violation("S-g", f"side {i} rejected a Reject: {fields}")
        if refused is not None:
            refused.excuse = refused.excuse or "rejected"
        if not self.world.may("reject"):
            raise Violation("peace", f"side {i} rejected a message of an honest peer: {fields}")

    def holds_canary(self, node: Node, canary: bytes) -> bool:
        """S-i: whether a secret got onto a disk."""
        return node.disk.sees(canary)

"""The hostile peer: all that a FIX message can get wrong while it still is one, and now and then what is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fixfast as ff
from fixfast.codec.convert import format_time
from tests.codec.mutate import repaired

if TYPE_CHECKING:
    from tests.fuzz.conversations import Conversation

__all__ = ["Peer"]

_SOH = b"\x01"
_JUNK = (
    b"junk",
    b"\x00\xff",
    b"8=FIX.4.4\x01",
    b"8=FIX.9.9\x019=5\x01",
    b"8=FIX.4.4\x019=99999999999\x01",
    b"\x01\x01",
)


class Peer:
    """Says things to the session of a Conversation."""

    def __init__(self, world: Conversation) -> None:
        self.world = world
        self.seq = 1
        self.test_id = b"none"
        self.asked: tuple[int, int] | None = None  # what the session wants resent
        self.logon: ff.Message | None = None

    def heard(self, message: ff.Message) -> None:
        """Remember what an answer could be about."""
        if message.msg_type == "1":
            self.test_id = message.bytes(112)
        elif message.msg_type == "2":
            self.asked = (message.int(7), message.int(16))
        elif message.msg_type == "A":
            self.logon = message

    # --- messages ------------------------------------------------------------------------------------------

    def _stamp(self, ns: int) -> bytes:
        digits = 0 if self.world.config.begin_string in ("FIX.4.0", "FIX.4.1") else 3
        return bytes(format_time(max(ns, 0), digits))

    def _raw(self, msg_type: bytes, fields: list[tuple[int, Any]], n: object, dup: bool = False) -> bytes:
        """Return a message; now and then with something wrong in its header."""
        world, choices = self.world, self.world.choices
        head: list[tuple[int, Any]] = [(49, "THEM"), (56, "US"), (34, n), (52, self._stamp(world.wall))]
        if dup:
            original = world.wall - choices.of((5, 0, -5, 10**6)) * 10**9
            head.append((43, "Y"))
            if not choices.one_in(4):
                head.append((122, self._stamp(original)))
        begin = world.config.begin_string
        if choices.one_in(30):
            match choices.below(8):
                case 0:
                    head.append(choices.of(head))  # a header field twice
                case 1:
                    head[choices.below(2)] = (choices.of((49, 56)), choices.of(("US", "", "x" * 500)))
                case 2:
                    begin = choices.of(("FIX.4.4", "FIX.4.2", "FIXT.1.1", "FIX.9.9"))
                case 3:
                    head[3] = (52, choices.of((b"", b"yesterday", self._stamp(world.wall + 10**12), b"20260105")))
                case 4:
                    del head[choices.below(len(head))]
                case 5:
                    head[2] = (34, choices.of(("", "-1", "0", "007", "1.5", "x", "9" * 30)))
                case 6:
                    head.append(
                        (choices.of((115, 128, 50, 57, 1128, 347, 369, 9999, 5000)), choices.of(("", "X", "9")))
                    )
                case _:
                    head.append((43, choices.of(("N", "Y", "", "maybe"))))
        body = (
            b"35=" + msg_type + _SOH + b"".join(b"%d=%b\x01" % (tag, _bytes(value)) for tag, value in [*head, *fields])
        )
        return repaired(b"8=%b\x019=1\x01%b10=000\x01" % (begin.encode(), body))

    def _number(self) -> tuple[int, bool]:
        """Return a MsgSeqNum and whether PossDupFlag goes with it: mostly what is expected."""
        choices, expected = self.world.choices, self.world.session.next_in
        match choices.below(12):
            case 0:
                return expected + choices.number(), choices.one_in(3)
            case 1:
                return max(expected - choices.number(), 0), not choices.one_in(4)
            case 2:
                return choices.number(), choices.one_in(2)
            case 3:
                return expected, True
            case _:
                return expected, False

    # --- a step --------------------------------------------------------------------------------------------

    def speak(self) -> None:
        """Do the next thing."""
        choices, world = self.world.choices, self.world
        step = choices.below(24)
        if world.session.state in (ff.State.DISCONNECTED, ff.State.CONNECTING, ff.State.LOGON_SENT) and step < 14:
            world.connect()
            world.listen()
            if not choices.one_in(6):
                self._log_on()
                return
        if world.session.state is ff.State.LOGOUT_SENT and step < 12:
            world.give(self._raw(b"5", [], world.session.next_in))
        elif step < 14:
            self._say(step)
        elif step < 16:
            world.act()
        elif step == 16:
            seconds = choices.of((0.1, 1, 2.5, 12, 40, 100))
            world.wait(seconds, choices.of((0, 0, 0, 0, 3600, -3600)))
        elif step == 17:
            self._answer()
        elif step in (18, 19, 20):
            for _ in range(choices.below(6)):
                world.send()
        elif step == 21:
            choices.of((world.drop, world.drop, world.restart))()
            world.connect()
        else:
            for _ in range(choices.below(30)):
                self._say(0)  # the same kind of thing, over and over
                world.listen()

    def _log_on(self) -> None:
        choices, session = self.world.choices, self.world.session
        heart = choices.of((30, 30, 1, 0, -1, 10**9))
        fields: list[tuple[int, Any]] = [(98, choices.of((0, 0, 0, 0, 0, 1))), (108, heart)]
        n = session.next_in
        asked = self.logon is not None and self.logon.get(141) == "Y" and not choices.one_in(8)
        if asked or choices.one_in(8):
            fields.append((141, "Y"))
            n = 1
        elif choices.one_in(4):
            n = max(n + choices.number() - 3, 0)
        if choices.one_in(5):
            fields.append((789, choices.of((session.next_out, 1, session.next_out + 5, 0, "", "x", 10**25))))
        if self.world.config.begin_string == "FIXT.1.1":
            fields.append((1137, choices.of(("9", "9", "9", "4", "77", ""))))
        if choices.one_in(10):
            fields.append((choices.of((554, 464, 383, 9999, 141)), choices.of(("Y", "10", "secret", ""))))
        self.world.give(self._raw(b"A", fields, n, choices.one_in(20)))

    def _say(self, step: int) -> None:
        choices, world = self.world.choices, self.world
        n, dup = self._number()
        fields: list[tuple[int, Any]]
        match step:
            case 0 | 1 | 2:
                kind = choices.of((b"B", b"D", b"8", b"ZZ", b"U1", b"n"))
                fields = (
                    [(148, "x"), (33, 1), (58, "x" * choices.below(300))] if kind == b"B" else [(11, "x"), (58, "é")]
                )
            case 3:
                kind, fields = b"0", choices.of(([], [(112, self.test_id)], [(112, b"")]))
            case 4:
                kind, fields = b"1", choices.of(([(112, b"hello")], [], [(112, b"\xff" * 900)], [(112, "x" * 3000)]))
            case 5:
                begin = choices.of((1, world.session.next_out - 1, choices.number(), world.session.next_out))
                fields = [(7, begin), (16, choices.of((0, begin, begin + 5, 999_999, choices.number(), 0)))]
                kind = b"2"
            case 6 | 7:
                gap = step == 6
                new = choices.of((n + 1, n + choices.number(), n, n - 1, choices.number()))
                fields = [(36, new)] + ([(123, "Y")] if gap else choices.of(([], [(123, "N")])))
                kind, n = b"4", n if gap else choices.of((n, 0, 1, choices.number()))
            case 8:
                self._log_on()
                return
            case 9:
                kind, fields = b"5", choices.of(([], [(58, "bye")], [(58, "too low, expecting 99")], [(1409, 9)]))
            case 10:
                kind, fields = choices.of((b"3", b"j")), [(45, choices.number()), (58, "no"), (373, 5)]
            case 11:
                world.give(choices.of(_JUNK))
                return
            case 12:
                raw = self._raw(b"0", [], n, dup)
                at = choices.below(len(raw))
                world.give(raw[:at] + choices.of((b"", b"x", _SOH, b"=")) + raw[at + 1 :])
                return
            case _:
                many = [self._raw(b"1", [(112, b"%d" % i)], n + i, dup) for i in range(choices.below(30))]
                world.give(b"".join(reversed(many) if choices.one_in(2) else many))
                return
        world.give(self._raw(kind, fields, n, dup))

    def _answer(self) -> None:
        """Fill the gap that the session asked about, rightly or nearly so."""
        world = self.world
        if self.asked is None:
            return
        begin, end = self.asked
        begin = min(begin, 1 << 62)
        stop = world.choices.of((begin + 3, begin + 30, max(end, begin) + 1, begin))
        if world.choices.one_in(2):
            world.give(self._raw(b"4", [(123, "Y"), (36, stop)], begin, True))
            return
        for n in range(begin, min(stop, begin + 40)):
            world.give(self._raw(b"B", [(148, "again"), (33, 1), (58, "x")], n, True))
            world.listen()


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()

"""A venue that knows users: authenticates Logons, answers UserRequests (35=BE) by UserResponses (35=BF)."""

from __future__ import annotations

from typing import Any

import fixfast as ff

CLIENT, PASSWORD, NEW = "CLIENT4711", "canary correct horse", "canary battery staple"


class Venue:
    """An application with plain callbacks: for ff.serve and for ff.sync.serve.

    Attributes:
        users: client_id -> password.
        locked: client_ids that are.
        asked: (924, 553, 554, 925) of each UserRequest.
        logons: (49, 553, 554) of each Logon.
        status: what is answered to 924=4.
        and_out: who is in is logged off at once.
        strays: a UserStatus(926) each of an answer to another request, sent before ours.
        echo: repeat a wrong password. mute: answer no UserRequest. hang_up: end the connection instead. reject: answer
            by 35=j.
    """

    def __init__(self, **users: str) -> None:
        self.users = users or {CLIENT: PASSWORD}
        self.locked: set[str] = set()
        self.asked: list[tuple[str | None, ...]] = []
        self.logons: list[tuple[str | None, ...]] = []
        self.heard: list[str] = []
        self.logouts: list[str] = []
        self.mute = self.hang_up = self.reject = self.echo = False
        self.status = 1
        self.strays: list[int] = []
        self.and_out = False
        self.at_logon: ff.Refuse | None = None
        self.sessions: list[Any] = []

    def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
        message, seen = request.message, request.session_id
        self.logons.append((message.get(49), message.get(553), message.get(554)))
        if self.at_logon is not None:
            return self.at_logon
        if seen.target_comp_id not in self.users:
            return ff.Refuse("unknown CompID", silent=False)
        return ff.SessionConfig(seen.begin_string, seen.sender_comp_id, seen.target_comp_id)

    def on_logon(self, session: Any) -> None:
        self.sessions.append(session)

    def on_logout(self, session: Any, reason: str) -> None:
        self.logouts.append(reason)

    def on_message(self, session: Any, message: ff.Message) -> None:
        if message.msg_type != "BE":
            self.heard.append(message.msg_type)
            return
        self.asked.append(message.many(924, 553, 554, 925))
        kind, username, password, new = self.asked[-1]
        if self.reject:
            raise ff.BusinessReject(3, "no such message here")
        if self.hang_up:
            session.drop()
            return
        if self.mute:
            return
        for stray in self.strays:
            session.send_nowait("BF", [(923, "another"), (553, username), (926, stray), (927, "of somebody else")])
        status, text = self._judge(session, kind, username or "", password, new)
        session.send_nowait("BF", [(923, message[923]), (553, username), (926, status), (927, text)])
        if self.and_out:
            session.send_nowait("BF", [(923, "another"), (553, username), (926, 2), (927, "and out")])

    def _judge(self, session: Any, kind: str | None, username: str, password: str | None, new: str | None) -> Any:
        if kind == "2":
            return 2, "bye"
        if kind == "4":
            return self.status, "in"
        if username not in self.users or username != session.config.target_comp_id:
            return 3, "who?"
        if username in self.locked:
            return 6, "account locked"
        if password != self.users[username]:
            return 4, f"wrong: {password}" if self.echo else "wrong"
        if kind == "3":
            if not new or len(new) < 8:
                return 6, "too short"
            self.users[username] = new
            return 5, "changed"
        return 1, "welcome"

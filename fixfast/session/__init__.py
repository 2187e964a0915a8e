"""The sans-IO session layer: bytes and time in; bytes, events and deadlines out.

    session.py    Session: the public face, timers           deciding.py   what people and programs decide
    pipeline.py   the inbound steps, in their order          admin.py      session messages at their turn
    logon.py our_logon.py logon_answer.py                    logging on
    next_expected.py  resetting.py                           789, and resets on an established connection
    recovery.py   gaps and resends                           core.py       parts, state, ways to speak and to end
    outbox.py     number, encode, store, queue               sequence.py   NIN, events, acknowledgements
    gap.py  resend.py  liveness.py  reject.py  checks.py  limits.py        values and rules without a session
    state.py  events.py  config.py  stats.py  gate.py        what a program sees
    wire.py       the one place that imports the codec       reading.py    dictionaries, the common case

Session and the classes below it are one object in several files, so that each file is one idea; nobody else sub-classes
them.
"""

__all__: list[str] = []

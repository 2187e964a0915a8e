"""The handshake, sans-IO: who does not have the secret learns nothing, and what was seen is of no use again."""

from __future__ import annotations

import pytest

from fixfast.service.frames import FrameError
from fixfast.service.ipc import NONCE, Connecting, Listening, VersionError, name_of, new_secret
from fixfast.service.messages import Challenge, Hello, Ping, Proof

SECRET = new_secret()


def listening(secret: bytes = SECRET) -> Listening:
    return Listening(lambda role, name: secret if (role, name) == ("front_end", name_of(secret)) else None)


def test_both_sides_have_the_secret() -> None:
    one, other = Connecting("front_end", SECRET), listening()
    proof = one.answer(other.challenge(one.hello))
    assert proof is not None
    assert other.accepts(proof)
    assert (other.role, other.name) == ("front_end", name_of(SECRET))


def test_the_secret_is_in_no_message() -> None:
    one, other = Connecting("front_end", SECRET), listening()
    challenge = other.challenge(one.hello)
    said = repr((one.hello, challenge, one.answer(challenge))).encode()
    assert SECRET not in said
    assert SECRET.hex().encode() not in said


def test_a_listener_without_the_secret_gets_no_proof() -> None:
    one, false = Connecting("front_end", SECRET), listening(new_secret())
    with pytest.raises(FrameError, match="does not have the secret"):
        one.answer(false.challenge(one.hello))


def test_a_wrong_proof_is_refused() -> None:
    one, other = Connecting("front_end", SECRET), listening()
    other.challenge(one.hello)
    assert not other.accepts(Proof(bytes(32)))
    assert not other.accepts(Proof(b""))


def test_a_name_that_is_not_known_is_answered_as_any_and_refused_in_the_end() -> None:
    stranger = Connecting("front_end", new_secret())
    other = listening()
    known, unknown = listening().challenge(Connecting("front_end", SECRET).hello), other.challenge(stranger.hello)
    assert len(known.proof) == len(unknown.proof) == 32
    assert not other.accepts(Proof(unknown.proof))


def test_a_role_is_part_of_the_proof() -> None:
    find = Listening(lambda role, name: SECRET)
    challenge = find.challenge(Connecting("backend", SECRET).hello)
    with pytest.raises(FrameError, match="does not have the secret"):
        Connecting("front_end", SECRET).answer(challenge)


def test_a_replayed_connection_is_refused() -> None:
    one, first = Connecting("front_end", SECRET), listening()
    proof = one.answer(first.challenge(one.hello))
    assert proof is not None
    again = listening()
    again.challenge(one.hello)  # the same words as before
    assert not again.accepts(proof)


def test_a_listener_that_replays_its_words_is_found_out() -> None:
    seen = listening().challenge(Connecting("front_end", SECRET).hello)
    with pytest.raises(FrameError, match="does not have the secret"):
        Connecting("front_end", SECRET).answer(seen)


def test_a_proof_cannot_be_reflected() -> None:
    one, other = Connecting("front_end", SECRET), listening()
    challenge = other.challenge(one.hello)
    assert not other.accepts(Proof(challenge.proof))


def test_another_version_is_named() -> None:
    hello = Connecting("front_end", SECRET).hello
    with pytest.raises(VersionError, match="version 2 of the IPC, this one 1"):
        listening().challenge(Hello(2, hello.role, hello.name, hello.nonce))
    with pytest.raises(VersionError, match="version 3"):
        Connecting("front_end", SECRET).answer(Challenge(3, bytes(NONCE), bytes(32)))


def test_what_is_said_out_of_turn_is_an_error() -> None:
    with pytest.raises(FrameError, match="Ping instead of Hello"):
        listening().challenge(Ping(1))
    with pytest.raises(FrameError, match="Ping instead of Challenge"):
        Connecting("front_end", SECRET).answer(Ping(1))
    other = listening()
    other.challenge(Connecting("front_end", SECRET).hello)
    with pytest.raises(FrameError, match="Ping instead of Proof"):
        other.accepts(Ping(1))


def test_a_short_nonce_is_an_error() -> None:
    with pytest.raises(FrameError, match="a nonce of 4 bytes instead of 32"):
        listening().challenge(Hello(1, "front_end", name_of(SECRET), b"abcd"))


def test_a_login_has_nothing_to_prove_yet() -> None:
    one = Connecting("login", None)
    challenge = listening().challenge(one.hello)
    assert challenge.proof == b""
    assert one.answer(challenge) is None


def test_what_a_secret_is_called_does_not_tell_it() -> None:
    assert name_of(SECRET) == name_of(SECRET) != name_of(new_secret())
    assert len(name_of(SECRET)) == 16
    assert name_of(SECRET) not in SECRET.hex()

"""ProxyConfig and its handshake without I/O: options, URLs, any split of the bytes."""

from __future__ import annotations

from typing import Any

import pytest

import fixfast as ff


@pytest.mark.parametrize(
    ("url", "kind", "host", "port", "username", "password"),
    [
        ("socks5://10.0.0.1:1080", "socks5", "10.0.0.1", 1080, None, None),
        ("socks5h://proxy:1080/", "socks5", "proxy", 1080, None, None),
        ("http://user:pw@proxy.example:3128", "http", "proxy.example", 3128, "user", "pw"),
        ("socks5://us%40er:p%3Aw%2F@[::1]:1080", "socks5", "::1", 1080, "us@er", "p:w/"),
        ("http://user:@proxy:3128", "http", "proxy", 3128, "user", ""),
    ],
)
def test_urls(url: str, kind: str, host: str, port: int, username: str | None, password: str | None) -> None:
    proxy = ff.ProxyConfig.parse(url)
    assert proxy == ff.ProxyConfig(kind, host, port, username, password)  # type: ignore[arg-type]
    assert ff.ConnectionConfig("venue", 9, proxy=url).proxy == proxy


@pytest.mark.parametrize(
    "url",
    [
        "",
        "proxy:1080",
        "socks5://proxy",
        "http://proxy",
        "socks5://:1080",
        "socks5://proxy:0",
        "socks5://proxy:99999",
        "ftp://proxy:21",
        "https://user:canary@proxy:443",
        "socks4://user:canary@proxy:1080",
        "socks5://user:canary@proxy:1080/path",
        "socks5://user:canary@proxy:1080?x",
        "socks5://user:canary@proxy:x",
        "socks5://user:can@ary@proxy",
        "socks5://user@proxy:1080",
        "socks5://:canary@proxy:1080",
        5,
    ],
)
def test_sc8_wrong_urls_are_refused_and_their_passwords_not_told(url: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.ConnectionConfig("venue", 9, proxy=url)
    assert "canary" not in str(caught.value)
    assert "ary" not in str(caught.value).partition("@")[0]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("kind", "socks4"),
        ("host", ""),
        ("host", "a b"),
        ("port", 0),
        ("port", True),
        ("username", 5),
        ("username", "x" * 256),
        ("username", "without a password"),
        ("password", "canary"),
        ("password", b"canary"),
    ],
)
def test_wrong_option_is_named(option: str, value: Any) -> None:
    options: dict[str, Any] = {"kind": "socks5", "host": "proxy", "port": 1080, option: value}
    with pytest.raises(ff.ConfigError) as caught:
        ff.ProxyConfig(**options)
    assert caught.value.name == option
    assert "canary" not in str(caught.value)


def test_a_colon_would_end_the_username_of_an_http_proxy() -> None:
    assert ff.ProxyConfig("socks5", "proxy", 1, "a:b", "c").username == "a:b"
    with pytest.raises(ff.ConfigError, match="without a colon"):
        ff.ProxyConfig("http", "proxy", 1, "a:b", "c")


def test_sc8_the_password_is_in_no_repr() -> None:
    proxy = ff.ProxyConfig("http", "proxy", 1, "user", "canary")
    connection = ff.ConnectionConfig("venue", 9, proxy=proxy)
    assert "canary" not in repr(proxy) + repr(connection) + repr(proxy.handshake("venue", 9))


# --- the handshake -------------------------------------------------------------------------------------------

SOCKS = b"\x05\x02" + b"\x01\x00" + b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38"
HTTP = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"


def answered(kind: str, answer: bytes, step: int) -> tuple[bytes, bytes]:
    """Drive a handshake, at most `step` bytes at a time; return what was sent, and what it left of the answer."""
    proxy = ff.ProxyConfig(kind, "proxy", 1, "u", "p")  # type: ignore[arg-type]
    handshake = proxy.handshake("venue.example", 443)
    sent = b""
    while not handshake.done:
        sent += handshake.data_to_send()
        n = min(step, handshake.wanted)
        assert n > 0
        handshake.receive(answer[:n])
        answer = answer[n:]
    assert handshake.data_to_send() == b""
    return sent, answer


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "answer",
    [
        HTTP,
        b"HTTP/1.0 200\n\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 100 Wait\r\n\r\n" + HTTP,
        b"HTTP/1.1 204 \r\nA: b\n\n",
    ],
)
def test_http_answers_split_anywhere_and_what_follows_is_left(answer: bytes, step: int) -> None:
    sent, left = answered("http", answer + b"8=FIX.4.4", step)
    assert sent == (
        b"CONNECT venue.example:443 HTTP/1.1\r\nHost: venue.example:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    )
    assert left == b"8=FIX.4.4"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "address",
    [b"\x01" + bytes(4), b"\x04" + bytes(16), b"\x03\x05proxy", b"\x03\x00", b"\x03\xff" + bytes(255)],
    ids=["IPv4", "IPv6", "name", "empty name", "long name"],
)
def test_socks5_answers_split_anywhere_and_what_follows_is_left(address: bytes, step: int) -> None:
    answer = b"\x05\x02\x01\x00\x05\x00\x00" + address + b"\x04\x38"
    sent, left = answered("socks5", answer + b"8=FIX.4.4", step)
    assert sent == b"\x05\x02\x00\x02" + b"\x01\x01u\x01p" + b"\x05\x01\x00\x03\x0dvenue.example\x01\xbb"
    assert left == b"8=FIX.4.4"


@pytest.mark.parametrize(
    ("host", "socks", "http"),
    [
        ("10.0.0.1", b"\x01\x0a\x00\x00\x01", b"10.0.0.1:443"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01", b"[2001:db8::1]:443"),
        ("börse.example", b"\x03\x14xn--brse-5qa.example", b"xn--brse-5qa.example:443"),
    ],
)
def test_hosts_as_proxies_are_told_of_them(host: str, socks: bytes, http: bytes) -> None:
    handshake = ff.ProxyConfig("socks5", "proxy", 1).handshake(host, 443)
    assert handshake.data_to_send() == b"\x05\x01\x00"
    handshake.receive(b"\x05\x00")
    assert handshake.data_to_send() == b"\x05\x01\x00" + socks + b"\x01\xbb"
    assert ff.ProxyConfig("http", "proxy", 1).handshake(host, 443).data_to_send().startswith(b"CONNECT %s HTTP" % http)


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_every_prefix_of_an_answer_is_not_enough(kind: str) -> None:
    whole = SOCKS if kind == "socks5" else HTTP
    for n in range(len(whole)):
        with pytest.raises(ff.LogonFailed, match="closed the connection"):
            answered(kind, whole[:n], 1)
    answered(kind, whole, 1)


def test_reading_more_than_was_wanted_is_a_mistake_of_the_caller() -> None:
    handshake = ff.ProxyConfig("socks5", "proxy", 1).handshake("venue", 443)
    with pytest.raises(ValueError, match="may be the peer's"):
        handshake.receive(b"\x05\x00\x05")

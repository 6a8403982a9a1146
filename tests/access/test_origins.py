"""Whose pages may call a node."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.access.origins import is_foreign, is_foreign_socket, is_loopback, names_this_machine

HOST = b"node.example:8000"


def said(**headers: str) -> dict[bytes, bytes]:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return {b"host": HOST} | given


@pytest.mark.parametrize(
    "headers",
    [
        said(),  # no browser says neither
        said(sec_fetch_site="same-origin"),
        said(sec_fetch_site="none"),
        said(sec_fetch_site="same-origin", origin="https://renamed-by-a-proxy.example"),
        said(origin="http://node.example:8000"),
        said(origin="https://node.example:8000"),  # a proxy in front ended TLS
        said(origin="https://shop.example", sec_fetch_site="cross-site"),
    ],
)
def test_who_is_no_page_or_one_of_ours_may_ask(headers: dict[bytes, bytes]) -> None:
    assert not is_foreign(headers, "http", {"https://shop.example"})


@pytest.mark.parametrize(
    "headers",
    [
        said(sec_fetch_site="cross-site"),
        said(sec_fetch_site="same-site", origin="https://other.node.example"),
        said(origin="null"),
        said(origin=""),
        said(origin="http://node.example"),
        said(origin="http://node.example:8000.evil.example"),
        said(origin="http://evil.example#http://node.example:8000"),
        said(origin="ftp://node.example:8000"),
        said(origin="https://shop.example.evil.example"),
    ],
)
def test_a_page_of_another_origin_may_not(headers: dict[bytes, bytes]) -> None:
    assert is_foreign(headers, "http", {"https://shop.example"})
    if b"origin" in headers:
        assert is_foreign_socket(headers, "ws", {"https://shop.example"})


def test_the_same_host_without_tls_is_another_origin() -> None:
    headers = said(origin="http://node.example:8000")
    assert is_foreign(headers, "https", ())
    assert is_foreign_socket(headers, "wss", ())


def test_what_is_no_browser_may_open_a_socket() -> None:
    assert not is_foreign_socket({b"host": HOST}, "ws", ())


@given(st.binary(), st.binary(), st.sampled_from(["http", "https"]))
def test_no_origin_but_ours_comes_in(origin: bytes, host: bytes, scheme: str) -> None:
    let_in = not is_foreign({b"origin": origin, b"host": host}, scheme, ())
    assert let_in == (
        not is_foreign_socket({b"origin": origin, b"host": host}, scheme.replace("http", "ws"), ())
    )
    if let_in:
        assert origin.lower() in {b"https://" + host.lower(), b"http://" + host.lower()}


@given(st.binary())
def test_a_page_that_names_a_foreign_site_never_comes_in(site: bytes) -> None:
    assert is_foreign({b"sec-fetch-site": site}, "https", ()) == (site not in {b"same-origin", b"none"})


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:8000"],
)
def test_an_open_node_goes_by_the_names_of_its_machine(host: str) -> None:
    assert names_this_machine(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "localhost.evil.example", "evil.example:localhost", "127.0.0.1.evil.example",
        "localhost:80@evil.example", "[::1].evil.example", "[::1", "::1", "0.0.0.0", "192.168.0.1",
        "localhost:", "localhost:x",
    ],
)  # fmt: skip
def test_and_by_no_other(host: str) -> None:
    assert not names_this_machine(host.encode())


@given(st.binary())
def test_any_host_can_be_said(host: bytes) -> None:
    if names_this_machine(host):
        assert host.isascii()
        assert b"@" not in host


@given(st.text())
def test_any_address_can_be_looked_at(address: str) -> None:
    assert is_loopback(address) in {True, False}

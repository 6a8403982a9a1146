"""What should not come in, and what becomes of it."""

import asyncio
import contextlib
import logging
import socket
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from chat.conftest import QUICK
from chat.npm import Driver
from chat.raw import open_raw
from chat.test_conversations import WS, enter, said
from feria.chat.connections import Sockets
from feria.settings import AccessSettings, ChatSettings, Settings
from serving import Served, open_server, until

UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
    b"connection: Upgrade\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nsec-websocket-version: 13\r\n\r\n"
)
TEXTS = {
    "markup": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "control characters": ("a\x00b\x07c\x1b[31md\x7f", "abc[31md"),
    "lines": ("uno\r\ndos\ttres\n", "uno\ndos\ttres"),
    "turned around": ("pay \u202eevil\u202c\u2066x\u2069", "pay evilx"),
    "a byte order mark": ("\ufeffhola", "hola"),
    "marks piled up": ("e" + "\u0301" * 50 + "x", "é" + "\u0301" * 4 + "x"),
    "arabic": ("مرحبا بالعالم", "مرحبا بالعالم"),
    "emoji of a family": ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    "decomposed": ("n\u0303", "ñ"),
}


@pytest.mark.parametrize("name", TEXTS)
async def test_text_stays_text_and_nothing_else(served: Served, name: str) -> None:
    sent, kept = TEXTS[name]
    async with open_raw(served.url) as raw:
        assert (await raw.ask(1, "message", said("1", sent)))["status"] == "success"
        page = await raw.ask(2, "history", {"room": "general"})
    assert page["messages"][0]["text"] == kept


@pytest.mark.parametrize(
    "packet",
    [
        '42["message",{"room":"general","id":"1","text":"\\ud800"}]',
        "42[",
        "42{}",
        "42[]",
        '42[1,"x"]',
        '42[["message"]]',
        '42["connect",{}]',
        '42["disconnect"]',
        "42" + "[" * 5000,
        '42["message",{"room":"general","id":"1","text":1e999}]',
        "40",
        "44{}",
        '451-["message",{"_placeholder":true,"num":0}]',
        '4599999999999-["x"]',
        "47",
        "4",
        "9",
        "",
        "1",
        '42/otra,["message",{}]',
        "42" + "9" * 200 + '["message",{}]',
    ],
    ids=lambda packet: repr(packet[:40]),
)
async def test_what_is_no_packet_ends_its_connection_and_no_other(
    served: Served, caplog: pytest.LogCaptureFixture, packet: str
) -> None:
    async with open_raw(served.url) as other, open_raw(served.url) as raw:
        await raw.send(packet)
        if packet.startswith("451-"):
            await raw.send(b"bytes")
            assert (await raw.hear("42")).startswith('42["refused"')
        else:
            await raw.ended()
        assert (await other.ask(1, "message", said("1", "Hola")))["status"] == "success"
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    await until(lambda: not served.parts[Sockets].connections)


async def test_nobody_is_anywhere_before_they_have_connected(served: Served) -> None:
    async with open_raw(served.url, enter=False) as raw:
        await raw.send('420["message",{"room":"general","id":"1","text":"x"}]')
        await raw.ended()
    async with open_raw(served.url) as raw:
        assert (await raw.ask(1, "history", {"room": "general"}))["messages"] == []


async def test_another_namespace_is_refused_in_the_words_of_socket_io(served: Served, npm: Driver) -> None:
    client = npm.open(f"{served.url}/otra", **WS)
    assert (await client.hear("connect_error"))[0] == "Invalid namespace"


async def test_acknowledgements_that_nobody_asked_for_are_ignored(served: Served) -> None:
    async with open_raw(served.url) as raw:
        for number in (1, 1, 7, 10**9):
            await raw.send(f'43{number}["stored"]')
        assert (await raw.ask(1, "message", said("1", "Hola")))["status"] == "success"


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (said("1", "x", "nada"), "not_found"),
        (said("1", "x", "../general"), "invalid"),
        (said("", "x"), "invalid"),
        (said("con espacio", "x"), "invalid"),
        (said("1", "x" * 4001), "too_large"),
        (said("1", "\u202e \x00"), "invalid"),
        (said("1", "x", at="2020-01-01"), "invalid"),
        (said("1", "x", person="local"), "invalid"),
        (said("1", "x", reply_to=5), "invalid"),
        (said("1", "x", products=["a"] * 9), "invalid"),
        ("texto", "invalid"),
        (None, "invalid"),
        ([[[[]]]], "invalid"),
    ],
    ids=[
        "no such room", "a path", "no id", "a blank in the id", "too long", "nothing to see",
        "a time of its own",
        "a person of its own", "a reply to nothing", "too many products", "a text", "nothing", "a list",
    ],
)  # fmt: skip
async def test_an_order_that_makes_no_sense_is_refused_and_keeps_nothing(
    served: Served, order: Any, error: str
) -> None:
    async with open_raw(served.url) as raw:
        answer = await raw.ask(1, "message", order)
        assert (answer["status"], answer["error"]) == ("error", error)
        assert answer["detail"]
        assert (await raw.ask(2, "history", {"room": "general"}))["messages"] == []


@pytest.mark.parametrize(
    "nickname",
    [
        "admin",
        "Soporte",
        "t i e n d a",
        "ＡＤＭＩＮ",
        "ädmin",
        "",
        "   ",
        "...",
        "x" * 41,
        "Ana\u202e",
        "A\u200bna",
        5,
    ],
    ids=repr,
)
async def test_a_nickname_is_what_it_looks_like_or_none(served: Served, npm: Driver, nickname: Any) -> None:
    client = npm.open(served.url, auth={"nickname": nickname}, reconnection=False, **WS)
    message, data = await client.hear("connect_error")
    assert (data["error"], bool(message)) == ("invalid", True)


async def test_a_signed_name_cannot_be_forged(served: Served, npm: Driver, tmp_path: Any) -> None:
    ana = await enter(npm, served, nickname="Ana")
    signed = ana.me["guest"]
    said_, _, signature = signed.partition(".")
    elsewhere = open_server(Settings(home=tmp_path / "other", chat=QUICK, _env_file=None))
    async with elsewhere as other:
        foreign = (await enter(npm, other, None, nickname="Ana")).me["guest"]
    for forged in (
        said_[:-4] + "AAAA." + signature,
        f"{said_}.",
        said_,
        "",
        f"x.{signature}",
        foreign,
        "é.é",
    ):
        client = npm.open(served.url, auth={"guest": forged}, reconnection=False, **WS)
        assert (await client.hear("connect_error"))[1]["error"] == "not_signed_in"
    assert (await enter(npm, served, guest=signed)).me == ana.me


async def test_on_a_locked_node_guests_come_in_and_are_nobody_else(npm: Driver, tmp_path: Any) -> None:
    from feria.access.tokens import Tokens
    from feria.access.wire import Role, TokenOrder

    access = AccessSettings(locked=True)
    async with open_server(Settings(home=tmp_path, access=access, chat=QUICK, _env_file=None)) as served:
        tokens: Tokens = served.parts[Tokens]
        till = await tokens.create(TokenOrder(name="till-3", role=Role.operator))
        guest = await enter(npm, served)
        assert guest.me["role"] == "guest"
        assert (await enter(npm, served, token=till.token)).me["role"] == "operator"
        for auth in ({"token": "feria_x"}, {"as": "member"}):
            client = npm.open(served.url, auth=auth, reconnection=False, **WS)
            assert (await client.hear("connect_error"))[1]["error"] == "not_signed_in"
        polling = npm.open(served.url, transports=["polling"])
        assert (await polling.hear("welcome"))["role"] == "guest"


async def test_a_token_that_was_revoked_ends_its_connections(npm: Driver, tmp_path: Any) -> None:
    from feria.access.tokens import Tokens
    from feria.access.wire import Role, TokenOrder

    access = AccessSettings(locked=True)
    async with open_server(Settings(home=tmp_path, access=access, chat=QUICK, _env_file=None)) as served:
        tokens: Tokens = served.parts[Tokens]
        till = await tokens.create(TokenOrder(name="till-3", role=Role.operator))
        client = await enter(npm, served, token=till.token)
        await tokens.revoke(till.id)
        assert (await client.hear("refused"))["error"] == "not_signed_in"
        await client.hear("disconnect")


async def test_a_page_of_another_site_opens_no_chat(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=300) as http:
        opened = await http.get("/socket.io/?EIO=4&transport=polling")
        sid = opened.text.partition('"sid":"')[2].partition('"')[0]
        foreign = {"Origin": "https://evil.example"}
        answer = await http.post(
            f"/socket.io/?EIO=4&transport=polling&sid={sid}", content="40", headers=foreign
        )
    assert answer.status_code == 403


async def test_who_sends_ten_thousand_at_once_is_refused_and_disturbs_nobody(
    tmp_path: Any, npm: Driver
) -> None:
    chat = ChatSettings(messages_per_second=5)
    async with open_server(Settings(home=tmp_path, chat=chat, _env_file=None)) as served:
        eva = await enter(npm, served)
        answers: list[str] = []
        async with open_raw(served.url) as flood:

            async def send() -> None:
                for number in range(10_000):
                    await flood.send(f'42{number}["message",{{"room":"general","id":"{number}","text":"x"}}]')

            async def hear() -> None:
                answers.extend([await flood.hear("43") for _ in range(10_000)])

            sending = asyncio.gather(send(), hear())
            assert (await eva.ask("message", said("1", "¿hola?")))["status"] == "success"
            await sending
        stored = sum('"success"' in one for one in answers)
        refused = [one for one in answers if '"rate_limited"' in one]
        assert stored + len(refused) == 10_000
        assert 20 <= stored <= 100
        assert '"retry_after"' in refused[0]
        page = await eva.ask("history", {"room": "general", "limit": 500})
        assert len(page["messages"]) == stored + 1


async def test_who_never_reads_is_cut_off_and_others_hear_all(tmp_path: Any, npm: Driver) -> None:
    chat = QUICK.model_copy(update={"slow_reader_kib": 64, "max_text": 16_000})
    async with open_server(Settings(home=tmp_path, chat=chat, _env_file=None)) as served:
        ana = await enter(npm, served)
        loop = asyncio.get_running_loop()
        deaf = socket.socket()
        try:
            deaf.setblocking(False)
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(deaf, ("127.0.0.1", int(served.url.rsplit(":", 1)[1])))
            await loop.sock_sendall(deaf, UPGRADE)
            assert (await loop.sock_recv(deaf, 1024)).startswith(b"HTTP/1.1 101")
            await loop.sock_sendall(deaf, frame("40") + frame('42["join",{"room":"general"}]'))
            sockets: Sockets = served.parts[Sockets]
            await until(lambda: sockets.chat.feed.listeners(1) == 2)
            number = 0
            while sockets.chat.feed.listeners(1) == 2:
                number += 1
                assert number < 10_000, "it is kept for ever"
                await ana.ask("message", said(str(number), "ñ" * 16_000))
            assert len(await ana.all("message", number)) == number
        finally:
            deaf.close()


async def test_a_socket_that_is_half_open_is_noticed(served: Served) -> None:
    sockets: Sockets = served.parts[Sockets]
    sockets.protocol.eio.ping_interval, sockets.protocol.eio.ping_timeout = 0.1, 0.2
    async with open_raw(served.url) as raw:
        await raw.hear("2")  # and says nothing to it
        await raw.ended()
    await until(lambda: not sockets.connections)
    assert not sockets.protocol.eio.sockets


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("4" + "x" * 200_000, 413),
        ("x", 400),
        ("\x1e" * 100, 400),
        ("bÑ", 400),
        ("42[", 200),
        ("40\x1e40", 200),
    ],
    ids=["too large", "no type", "too many", "no base64", "no JSON", "twice"],
)
async def test_what_is_posted_and_is_no_packet_is_refused(
    served: Served, caplog: pytest.LogCaptureFixture, body: str, status: int
) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=300) as http:
        opened = await http.get("/socket.io/?EIO=4&transport=polling")
        sid = opened.text.partition('"sid":"')[2].partition('"')[0]
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        assert (await http.post(path, content=body.encode())).status_code == status
        if status != 413:
            assert (await http.post(path, content="3")).status_code == 400  # the session has ended
        assert (await http.get("/socket.io/?EIO=3&transport=polling")).status_code == 400
        assert (await http.get("/socket.io/?EIO=4&transport=pigeon")).status_code == 400
        assert (await http.get("/socket.io/?EIO=4&transport=polling&sid=nobody")).status_code == 400
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


packets = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60),
    st.builds(
        lambda head, number, body: f"{head}{number}{body}",
        st.sampled_from(["40", "41", "42", "43", "44", "45", "46", "451-", "42/x,", "2", "3", "5", "6"]),
        st.sampled_from(["", "0", "12"]),
        st.recursive(
            st.sampled_from(
                ['"message"', '"join"', '"history"', '"x"', "1", "null", '{"room":"general"}', '{"id":"1"}']
            ),
            lambda inner: st.lists(inner, max_size=3).map(lambda some: "[" + ",".join(some) + "]"),
            max_leaves=6,
        ),
    ),
)


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(packets, max_size=5))
async def test_whatever_comes_the_node_goes_on(
    served: Served, caplog: pytest.LogCaptureFixture, those: list[str | bytes]
) -> None:
    caplog.clear()
    async with open_raw(served.url, enter=False) as raw:
        with contextlib.suppress(ConnectionClosed):
            for one in ("40", *those):
                await raw.send(one)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    async with open_raw(served.url) as other:
        assert (await other.ask(1, "rooms"))["status"] == "success"


def frame(text: str) -> bytes:
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode()

"""The chat for programs and operators: SDK, commands, personal data."""

import asyncio
import json
from pathlib import Path

import pytest

from chat.npm import Driver
from chat.test_conversations import enter, said
from cli.running import Feria
from feria import AsyncClient
from feria.errors import Conflict, Invalid, NotFound
from serving import Served


async def test_a_program_says_reads_finds_and_deletes(served: Served, npm: Driver) -> None:
    ana = await enter(npm, served, nickname="Ana")
    async with AsyncClient(served.url) as client:
        stored = await client.say("general", "Abrimos a las 9.", id="1")
        assert (await client.say("general", "Abrimos a las 9.", id="1")).repeated
        assert (await ana.hear("message"))["nickname"] == "local"
        await ana.ask("message", said("2", "¿Y el domingo?"))
        page = await client.chat_messages("general")
        assert [one.text for one in page.messages] == ["Abrimos a las 9.", "¿Y el domingo?"]
        assert (await client.chat_messages("general", before=2)).messages == page.messages[:1]
        assert (await client.search_chat("DOMINGO"))[0].seq == 2
        await client.delete_message("general", stored.seq)
        assert (await ana.hear("changed"))["deleted"] is True
        made = await client.create_chat_room("ofertas", title="Ofertas")
        assert {one.name for one in await client.chat_rooms()} == {"general", made.name}
        with pytest.raises(Conflict):
            await client.create_chat_room("ofertas")
        with pytest.raises(NotFound):
            await client.say("../nada", "x")
        with pytest.raises(Invalid):
            await client.say("general", "")


async def test_a_program_mutes_and_lifts(served: Served, npm: Driver) -> None:
    ana = await enter(npm, served)
    async with AsyncClient(served.url) as client:
        await client.sanction(ana.me["person"], "mute", room="general", minutes=5, reason="spam")
        (held,) = await client.sanctions()
        assert (held.person, held.room, held.reason, held.by) == (
            ana.me["person"],
            "general",
            "spam",
            "local",
        )
        assert (await ana.ask("message", said("1", "x")))["sanction"] == "mute"
        await client.sanction(ana.me["person"], "mute", room="general", lift=True)
        assert await client.sanctions() == ()


async def test_what_is_kept_of_a_guest_can_be_taken_out_and_erased(served: Served, npm: Driver) -> None:
    ana, bea = await enter(npm, served, nickname="Ana"), await enter(npm, served)
    await ana.ask("message", said("1", "vivo en la calle …"))
    person = ana.me["person"]
    async with AsyncClient(served.url) as client:
        taken_out = (await client.personal_data(person)).rooms["chat"]
        assert [one["text"] for one in taken_out["messages"]] == ["vivo en la calle …"]
        assert (await client.erase_personal_data(person)).rooms["chat"] == 1
        heard = await bea.hear("changed")
        assert (heard["person"], heard["text"], heard["deleted"]) == ("gone", "", True)
        assert (await client.personal_data(person)).rooms["chat"] == {}
        assert person not in str(await client.chat_messages("general"))


async def test_a_poll_that_waits_does_not_hold_up_a_node_that_stops(served: Served, npm: Driver) -> None:
    client = await npm.connect(served.url, transports=["polling"])
    served.server.drain()
    async with asyncio.timeout(5):
        await client.hear("disconnect")


def test_commands_say_read_and_moderate(feria: Feria) -> None:
    with feria.node():
        assert feria("chat", "say", "general", "Buenos días").out == "Message 1 in general.\n"
        assert "local (local): Buenos días" in feria("chat", "history", "general").out
        assert json.loads(feria("chat", "history", "general", "--json").out)["last"] == 1
        assert "general 1" in feria("chat", "search", "DIAS").out
        assert "general" in feria("chat", "rooms").out
        feria("chat", "mute", "guest.abc", "--minutes", "5", "--reason", "spam")
        assert "guest.abc" in feria("chat", "sanctions").out
        assert "is over" in feria("chat", "lift", "guest.abc", "mute").out
        assert feria("chat", "sanctions").err == "Nobody is muted or banned.\n"
        assert "banned in general" in feria("chat", "ban", "guest.abc", "--room", "general").out
        assert feria("chat", "delete", "general", "1").out == "Message 1 in general is deleted.\n"
        assert "(deleted)" in feria("chat", "history", "general").out
        assert feria.refused("chat", "say", "nada", "x") == "not_found: No room nada."


@pytest.fixture
def feria(tmp_path: Path) -> Feria:
    return Feria(tmp_path / "home", tmp_path)

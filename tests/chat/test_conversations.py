"""What people do in the chat, through the stock client."""

import asyncio
from typing import Any

import pytest

from chat.npm import Client, Driver
from serving import Served

WS = {"transports": ["websocket"]}
OPERATOR = {"as": "member"}
"""On an open node that is `local`, who may do everything."""


async def enter(npm: Driver, served: Served, room: str | None = "general", **auth: Any) -> Client:
    client = npm.open(served.url, auth=auth, **WS)
    client.me = await client.hear("welcome")
    if room is not None:
        assert (await client.ask("join", {"room": room}))["status"] == "success"
    return client


def said(id: str, text: str, room: str = "general", **more: Any) -> dict[str, Any]:
    return {"room": room, "id": id, "text": text, **more}


async def test_a_message_is_acknowledged_with_its_place_and_heard_by_all(served: Served, npm: Driver) -> None:
    ana, bea = await enter(npm, served, nickname="Ana"), await enter(npm, served, nickname="Bea")
    stored = await ana.ask("message", said("1", "Hola"))
    assert (stored["status"], stored["seq"], stored["repeated"]) == ("success", 1, False)
    for client in (ana, bea):
        heard = await client.hear("message")
        assert (heard["seq"], heard["text"], heard["nickname"], heard["role"]) == (1, "Hola", "Ana", "guest")
        assert heard["person"] == ana.me["person"]


async def test_the_same_message_again_is_the_same_message(served: Served, npm: Driver) -> None:
    ana = await enter(npm, served)
    first = await ana.ask("message", said("1", "Hola"))
    again = await ana.ask("message", said("1", "Hola"))
    assert again == first | {"repeated": True}
    await ana.ask("message", said("2", "Adiós"))
    assert [one["text"] for one in await ana.all("message", 2)] == ["Hola", "Adiós"]


async def test_who_comes_back_is_told_what_they_missed_and_nothing_twice(served: Served, npm: Driver) -> None:
    ana, bea = await enter(npm, served), await enter(npm, served)
    await ana.ask("message", said("1", "uno"))
    last = (await bea.hear("message"))["changed"]
    bea.drop()
    await bea.hear("disconnect")
    for number in range(2, 8):
        await ana.ask("message", said(str(number), f"{number}"))
    await ana.ask("edit", {"room": "general", "seq": 1, "text": "UNO"})
    await bea.hear("welcome")
    missed = await bea.ask("join", {"room": "general", "after": last})
    assert [one["text"] for one in missed["messages"]] == ["2", "3", "4", "5", "6", "7", "UNO"]
    await ana.ask("message", said("9", "nueve"))
    assert (await bea.hear("message"))["changed"] == missed["last"] + 1


async def test_a_long_absence_is_made_up_for_piece_by_piece(served: Served, npm: Driver) -> None:
    ana = await enter(npm, served)
    await asyncio.gather(*(ana.ask("message", said(str(number), str(number))) for number in range(120)))
    bea = await enter(npm, served, None)
    told, after, pieces = [], 0, 0
    while True:
        piece = await bea.ask("join", {"room": "general", "after": after, "limit": 50})
        told += [one["seq"] for one in piece["messages"]]
        after, pieces = piece["last"], pieces + 1
        if not piece["more"]:
            break
    assert (told, pieces) == (list(range(1, 121)), 3)


async def test_history_has_pages(served: Served, npm: Driver) -> None:
    ana = await enter(npm, served)
    await asyncio.gather(*(ana.ask("message", said(str(number), str(number))) for number in range(25)))
    newest = await ana.ask("history", {"room": "general", "limit": 10})
    assert ([one["seq"] for one in newest["messages"]], newest["more"]) == (list(range(16, 26)), True)
    older = await ana.ask("history", {"room": "general", "limit": 10, "before": 16})
    assert [one["seq"] for one in older["messages"]] == list(range(6, 16))
    oldest = await ana.ask("history", {"room": "general", "limit": 10, "before": 6})
    assert ([one["seq"] for one in oldest["messages"]], oldest["more"]) == (list(range(1, 6)), False)


async def test_words_are_found_whatever_their_accents(served: Served, npm: Driver) -> None:
    ana = await enter(npm, served)
    await ana.ask("message", said("1", "¿Tenéis CAMIÓN rojo? 100%"))
    await ana.ask("message", said("2", "un camion azul"))
    found = await ana.ask("search", {"q": "camion ROJO"})
    assert [one["seq"] for one in found["messages"]] == [1]
    assert [one["seq"] for one in (await ana.ask("search", {"q": "camión"}))["messages"]] == [2, 1]
    assert [one["seq"] for one in (await ana.ask("search", {"q": "0%"}))["messages"]] == [1]
    assert (await ana.ask("search", {"q": "%"}))["messages"][0]["seq"] == 1
    assert (await ana.ask("search", {"q": "nada"}))["messages"] == []


async def test_who_wrote_a_message_edits_and_deletes_it(served: Served, npm: Driver) -> None:
    ana, bea = await enter(npm, served), await enter(npm, served)
    await ana.ask("message", said("1", "Hloa"))
    assert (await bea.ask("edit", {"room": "general", "seq": 1, "text": "no"}))["error"] == "not_allowed"
    assert (await bea.ask("delete", {"room": "general", "seq": 1}))["error"] == "not_allowed"
    assert (await ana.ask("edit", {"room": "general", "seq": 1, "text": "Hola"}))["changed"] == 2
    heard = await bea.hear("changed")
    assert (heard["seq"], heard["text"], heard["edited_at"] is None) == (1, "Hola", False)
    await ana.ask("delete", {"room": "general", "seq": 1})
    heard = await bea.hear("changed")
    assert (heard["seq"], heard["text"], heard["deleted"]) == (1, "", True)
    assert (await ana.ask("delete", {"room": "general", "seq": 1}))["repeated"] is True
    assert (await ana.ask("edit", {"room": "general", "seq": 1, "text": "x"}))["error"] == "conflict"
    assert (await ana.ask("delete", {"room": "general", "seq": 9}))["error"] == "not_found"
    assert (await ana.ask("search", {"q": "hola"}))["messages"] == []


async def test_a_guest_asks_the_shop_and_an_operator_answers(served: Served, npm: Driver) -> None:
    ana, shop = await enter(npm, served, nickname="Ana"), await enter(npm, served, None, **OPERATOR)
    room = await ana.ask("shop")
    assert (room["kind"], room["title"]) == ("shop", "Ana")
    await ana.ask("join", {"room": room["name"]})
    await ana.ask("message", said("1", "¿Abren mañana?", room["name"]))
    listed = {one["name"] for one in (await shop.ask("rooms"))["rooms"]}
    assert {"general", room["name"]} <= listed
    await shop.ask("join", {"room": room["name"]})
    await shop.ask("message", said("1", "Sí, a las 9.", room["name"]))
    assert (await ana.hear("message", lambda one: one["seq"] == 2))["role"] == "operator"
    assert (await ana.ask("shop"))["name"] == room["name"]


async def test_nobody_else_enters_what_is_between_two_or_private(served: Served, npm: Driver) -> None:
    ana, bea, eva = [await enter(npm, served, nickname=name) for name in ("Ana", "Bea", "Eva")]
    shop = await enter(npm, served, None, **OPERATOR)
    assert (await ana.ask("direct", {"person": bea.me["person"]}))["error"] == "not_found"  # said nothing yet
    await bea.ask("message", said("1", "Hola"))
    room = (await ana.ask("direct", {"person": bea.me["person"]}))["name"]
    assert (await bea.ask("join", {"room": room}))["status"] == "success"
    private = (await shop.ask("create", {"name": "vip", "kind": "private", "members": [ana.me["person"]]}))[
        "name"
    ]
    for client, where in ((eva, room), (eva, private), (shop, room), (bea, private)):
        asked: list[tuple[str, dict[str, Any]]] = [
            ("join", {"room": where}),
            ("history", {"room": where}),
            ("people", {"room": where}),
            ("message", said("9", "x", where)),
            ("read", {"room": where, "seq": 1}),
            ("search", {"q": "x", "room": where}),
            ("join", {"room": "nada"}),
        ]
        assert {(await client.ask(event, order))["error"] for event, order in asked} == {"not_found"}
    await ana.ask("join", {"room": private})
    await ana.ask("message", said("2", "secreto", private))
    assert (await eva.ask("search", {"q": "secreto"}))["messages"] == []
    await ana.ask("invite", {"room": private, "person": eva.me["person"]})
    assert (await eva.ask("join", {"room": private}))["messages"][0]["text"] == "secreto"
    assert (await eva.ask("create", {"name": "mia"}))["error"] == "not_allowed"
    assert (await shop.ask("create", {"name": "vip"}))["error"] == "conflict"


async def test_marks_tell_how_far_somebody_has_come_and_what_is_unread(served: Served, npm: Driver) -> None:
    ana, shop = await enter(npm, served), await enter(npm, served, None, **OPERATOR)
    room = (await ana.ask("shop"))["name"]
    await ana.ask("join", {"room": room})
    await shop.ask("join", {"room": room})
    for number in range(3):
        await ana.ask("message", said(str(number), "?", room))

    async def unread() -> int:
        return next(one for one in (await shop.ask("rooms"))["rooms"] if one["name"] == room)["unread"]

    assert await shop.ask("delivered", {"room": room, "seq": 3}) == {
        "status": "success",
        "delivered": 3,
        "read": 0,
    }
    assert (await ana.hear("marks"))["marks"] == {"delivered": 3, "read": 0}
    assert await unread() == 3
    assert (await shop.ask("read", {"room": room, "seq": 2}))["read"] == 2
    assert (await ana.hear("marks"))["marks"] == {"delivered": 3, "read": 2}
    assert await unread() == 1
    assert (await shop.ask("read", {"room": room, "seq": 1}))["read"] == 2
    assert (await shop.ask("read", {"room": room, "seq": 99}))["read"] == 3
    assert await unread() == 0
    marks = {one["person"]: one["marks"] for one in (await ana.ask("people", {"room": room}))["people"]}
    assert marks["local"] == {"delivered": 3, "read": 3}


async def test_somebody_is_here_as_long_as_one_of_their_tabs_is(served: Served, npm: Driver) -> None:
    eva = await enter(npm, served, nickname="Eva")
    first = await enter(npm, served, nickname="Ana")
    assert await eva.hear("presence", lambda one: one["nickname"] == "Ana")
    second = await enter(npm, served, guest=first.me["guest"])
    assert second.me["person"] == first.me["person"]
    people = (await eva.ask("people", {"room": "general"}))["people"]
    assert [one["nickname"] for one in people] == ["Ana", "Eva"]
    first.close()
    await asyncio.sleep(0.1)
    assert len((await eva.ask("people", {"room": "general"}))["people"]) == 2
    second.close()
    gone = await eva.hear("presence")
    assert (gone["nickname"], gone["online"]) == ("Ana", False)
    assert len((await eva.ask("people", {"room": "general"}))["people"]) == 1


async def test_typing_is_told_and_kept_nowhere(served: Served, npm: Driver) -> None:
    ana, bea = await enter(npm, served, nickname="Ana"), await enter(npm, served)
    assert await ana.ask("typing", {"room": "general"}) == {"status": "success"}
    heard = await bea.hear("typing")
    assert (heard["nickname"], heard["room"]) == ("Ana", "general")
    assert (await ana.ask("typing", {"room": "otra"}))["error"] == "not_allowed"
    assert (await ana.ask("history", {"room": "general"}))["messages"] == []


async def test_a_message_shows_products_with_their_pictures_and_links(served: Served, npm: Driver) -> None:
    from feria.catalog.catalog import Catalog
    from feria.catalog.wire import ProductDraft, Words

    catalog: Catalog = served.parts[Catalog]
    await catalog.put(ProductDraft(sku="TAZA-1", title=Words(es="Taza", en="Mug"), price=9))
    ana = await enter(npm, served)
    await ana.ask("message", said("1", "", products=["TAZA-1"]))
    card = (await ana.hear("message"))["products"]
    assert card == [
        {
            "sku": "TAZA-1",
            "title": {"es": "Taza", "en": "Mug"},
            "picture": None,
            "link": "/v1/products/TAZA-1",
        }
    ]
    assert (await ana.ask("message", said("2", "", products=["NADA"])))["error"] == "not_found"
    assert (await ana.ask("message", said("3", "")))["error"] == "invalid"


@pytest.mark.parametrize(
    ("sentence", "heard"),
    [
        ({"kind": "mute"}, None),
        ({"kind": "ban", "room": "general"}, "removed"),
        ({"kind": "ban"}, "disconnect"),
    ],
    ids=["muted", "banned from a room", "banned"],
)
async def test_an_operator_silences_somebody_and_lets_them_again(
    served: Served, npm: Driver, sentence: dict[str, Any], heard: str | None
) -> None:
    ana, shop = await enter(npm, served), await enter(npm, served, None, **OPERATOR)
    order = {"person": ana.me["person"], "reason": "insultos", **sentence}
    assert (await ana.ask("moderate", order))["error"] == "not_allowed"
    assert (await shop.ask("moderate", order))["status"] == "success"
    if heard is not None:
        await ana.hear(heard)
    if heard == "disconnect":
        ana = await enter(npm, served, None, guest=ana.me["guest"])
    answer = await ana.ask("message", said("1", "Hola"))
    assert answer["error"] == "not_allowed"
    assert answer["sanction"] == sentence["kind"]
    assert (await shop.ask("moderate", {**order, "lift": True}))["status"] == "success"
    assert (await ana.ask("message", said("1", "Hola")))["status"] == "success"


async def test_an_operator_deletes_what_others_wrote(served: Served, npm: Driver) -> None:
    ana, shop = await enter(npm, served), await enter(npm, served, **OPERATOR)
    await ana.ask("message", said("1", "spam"))
    assert (await shop.ask("edit", {"room": "general", "seq": 1, "text": "x"}))["error"] == "not_allowed"
    assert (await shop.ask("delete", {"room": "general", "seq": 1}))["status"] == "success"
    assert (await ana.hear("changed"))["deleted"] is True

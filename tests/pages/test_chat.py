"""Two people in front of the chat, and somebody of the shop."""

import re
import uuid
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Locator, expect

from pages.site import Site
from pages.visiting import Visit

Visiting = Callable[..., Visit]


def write(someone: Visit, text: str) -> None:
    someone.page.get_by_role("textbox", name=re.compile("^(Mensaje|Message)$")).fill(text)
    someone.page.get_by_role("button", name=re.compile("^(Enviar|Send)$")).click()


def said(someone: Visit, text: str) -> Locator:
    return someone.page.get_by_role("log").locator(".msg[data-seq]", has_text=text)


def found(site: Site, name: str) -> None:
    httpx.post(f"{site.url}/v1/chat/rooms", json={"name": name}).raise_for_status()


@pytest.fixture
def room(site: Site) -> str:
    """A room of this test's own."""
    name = f"room-{uuid.uuid4().hex[:8]}"
    found(site, name)
    return name


def test_two_visitors_talk_and_each_sees_that_the_other_writes_and_is_there(
    visit: Visiting, room: str
) -> None:
    ana, ben = visit(f"/chat/r/{room}"), visit(f"/chat/r/{room}", language="en")
    expect(ana.page.get_by_text("2 personas").first).to_be_visible()
    write(ana, "¿Hay tazas azules?")
    expect(said(ben, "¿Hay tazas azules?")).to_be_visible()
    ben.page.get_by_role("textbox", name="Message").press_sequentially("Yes")
    expect(ana.page.locator(".msg.typing")).to_be_attached()
    write(ben, "Yes, <b>two</b>")
    expect(said(ana, "Yes, <b>two</b>")).to_have_count(1)
    expect(ana.page.locator(".msg.typing")).to_have_count(0)
    ben.page.close()
    expect(ana.page.get_by_text("1 persona").first).to_be_visible()


def test_a_shopper_asks_the_shop_which_answers_at_its_desk(visit: Visiting) -> None:
    shopper, shop = visit("/chat"), visit("/chat/desk", language="en")
    shopper.page.get_by_role("button", name="Preguntar a la tienda").click()
    expect(shopper.page).to_have_url(re.compile("/chat/r/shop"))
    question = f"¿Llega el viernes? {uuid.uuid4().hex[:6]}"
    write(shopper, question)
    expect(said(shopper, question)).to_be_visible()
    waiting = shop.page.get_by_role("listitem").filter(has_text=question)
    waiting.get_by_role("link").click()
    expect(said(shop, question)).to_be_visible()
    write(shop, "Yes, on Thursday.")
    expect(said(shopper, "Yes, on Thursday.")).to_be_visible()
    expect(shop.page.locator(".meta.me", has_text="read")).to_be_visible()


def test_what_is_written_while_the_network_is_away_arrives_once_and_what_was_missed_is_told(
    visit: Visiting, room: str
) -> None:
    ana, ben = visit(f"/chat/r/{room}"), visit(f"/chat/r/{room}")
    write(ana, "antes")
    expect(said(ben, "antes")).to_be_visible()
    ana.context.set_offline(True)
    ana.page.evaluate("window.dispatchEvent(new Event('offline'))")
    write(ben, "mientras no estabas")
    expect(said(ben, "mientras no estabas")).to_be_visible()
    write(ana, "desde lejos")
    ana.context.set_offline(False)
    expect(said(ana, "mientras no estabas")).to_have_count(1)
    expect(said(ben, "desde lejos")).to_have_count(1)
    expect(said(ana, "desde lejos")).to_have_count(1)
    assert [one.strip() for one in ana.page.locator(".msg[data-seq]").all_inner_texts()] == [
        one.strip() for one in ben.page.locator(".msg[data-seq]").all_inner_texts()
    ]
    ana.expect_faults("ERR_INTERNET_DISCONNECTED", "WebSocket")


def test_messages_of_another_room_are_counted_until_they_are_read(
    visit: Visiting, site: Site, room: str
) -> None:
    other = f"{room}-other"
    found(site, other)
    ana, ben = visit(f"/chat/r/{other}"), visit(f"/chat/r/{room}")
    expect(ana.page.get_by_role("link", name=re.compile(room + "(?!-)"))).to_be_visible()
    write(ben, "uno")
    write(ben, "dos")
    link = ana.page.get_by_role("listitem").filter(has_text="dos").get_by_role("link")
    expect(link.get_by_text("2 sin leer")).to_be_attached()
    link.click()
    expect(said(ana, "uno")).to_be_visible()
    expect(ana.page.get_by_text("sin leer")).to_have_count(0)


def test_a_phone_shows_the_rooms_and_then_the_one_that_was_chosen(visit: Visiting, room: str) -> None:
    ana = visit("/chat", width=390)
    link = ana.page.get_by_role("link", name=re.compile(room))
    link.click()
    expect(link).to_be_hidden()
    write(ana, "desde el móvil")
    expect(said(ana, "desde el móvil")).to_be_visible()
    assert ana.overflow() == 0
    ana.page.get_by_role("link", name="Volver a las salas").click()
    expect(link).to_be_visible()

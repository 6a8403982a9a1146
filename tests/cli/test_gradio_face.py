"""What the Gradio page shows, from a node; Gradio itself lives in an environment of its own."""

import base64
import io
import re
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from PIL import Image

import nets
from cli.running import Feria, RunningNode
from feria import Client
from feria.cli.gradio_face import find, show_window
from feria.errors import NotAnImage, Unavailable
from feria.registry.wire import Description
from goods import draft, picture

RED, GREEN = (220, 20, 30), (20, 200, 40)
NASTY = "<script>alert(1)</script> & ${1+1} {{2+2}}"


@pytest.fixture(scope="module")
def client(shared: tuple[Feria, RunningNode]) -> Generator[Client]:
    with Client(shared[1].url) as client:
        names = {"es": "Zapatillas rojas", "en": "Red sneakers"}
        client.put_product(draft("ZAP", title=names, brand="Faro & Hijos", price="1249.90"))
        client.put_pictures("ZAP", picture(RED))
        client.put_product(draft("PER", title={"es": "Pera", "en": "Pear"}, price="0.55"))
        client.put_pictures("PER", picture(GREEN))
        client.put_product(draft("NASTY", title={"es": NASTY}))
        labels = {"labels": ["red", "green", "blue"], "unsure_below": 0.4}
        client.publish("products", nets.seeing(), Description.model_validate(labels))
        deadline = time.monotonic() + 300
        while client.search("pera").total != 1 or client.search_model().progress.vectors != 2:
            assert time.monotonic() < deadline
        yield client


def titles(page: str) -> list[str]:
    return re.findall("<h3>(.*?)</h3>", page)


def test_words_find_cards_in_the_language_asked_for(client: Client) -> None:
    spanish, english = find(client, "zapatilla", None, "es"), find(client, "sneaker", None, "en")
    assert titles(spanish) == ["Zapatillas rojas"]
    assert titles(english) == ["Red sneakers"]
    assert "<p>Productos: 1</p>" in spanish
    assert "<p>1,249.90 EUR</p><p>Faro &amp; Hijos</p>" in english
    shown = re.search('src="data:image/webp;base64,(.*?)"', english)
    assert shown
    pixel = Image.open(io.BytesIO(base64.b64decode(shown[1]))).convert("RGB").getpixel((5, 4))
    assert pixel == pytest.approx(RED, abs=12)


def test_without_words_the_newest_are_shown_and_for_unknown_ones_it_is_said(client: Client) -> None:
    assert len(titles(find(client, "", None, "es"))) == 3
    assert "There is nothing like that." in find(client, "tractor", None, "en")
    assert "Resultados de «zapatillas»" in find(client, "zapatilals", None, "es")


def test_a_picture_finds_what_looks_like_it_and_says_what_it_is_taken_for(
    client: Client, tmp_path: Path
) -> None:
    file = tmp_path / "green.png"
    file.write_bytes(picture(GREEN))
    page = find(client, "", str(file), "es")
    assert titles(page)[0] == "Pera"
    assert "<p>Parece: green</p>" in page
    both = find(client, "zapatillas", str(file), "es")
    assert set(titles(both)) >= {"Pera", "Zapatillas rojas"}
    file.write_bytes(picture((120, 120, 120)))
    assert "Hard to tell; perhaps: " in find(client, "", str(file), "en")
    file.write_bytes(b"<svg/>")
    with pytest.raises(NotAnImage):
        find(client, "", str(file), "es")


def test_what_products_say_is_text_and_nothing_else(client: Client) -> None:
    (shown,) = titles(find(client, "alert", None, "es"))
    assert "<" not in shown
    assert shown.startswith("&lt;script&gt;alert(1)&lt;/script&gt; &amp; ")


def test_without_gradio_the_command_says_how_to_get_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(Unavailable, match=r"pip install 'feria\[gradio\]'"):
        show_window(client, "127.0.0.1", None)


def test_where_no_node_answers_that_is_said_before_a_page_is_served(feria: Feria) -> None:
    assert "No node answers at http://127.0.0.1:1" in feria.refused("gradio", "--url", "http://127.0.0.1:1")

"""The mood page: consent first, faces found in the browser, read by the node or here, and forgotten."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from pages.conftest import CHROMIUM, visiting
from pages.site import Site
from pages.visiting import Visit

Visiting = Callable[..., Visit]
NAMES = {
    "angry": "enojo",
    "disgust": "asco",
    "fear": "miedo",
    "happy": "alegría",
    "neutral": "neutral",
    "sad": "tristeza",
    "surprise": "sorpresa",
}
LIGHT = 25
"""Frames a second of the film that the camera shows."""


@pytest.fixture
def faces(shared_data: Path) -> Path:
    return shared_data / "emotion" / "samples"


@pytest.fixture
def in_front(site: Site, browser: Browser, faces: Path, tmp_path: Path) -> Iterator[Visiting]:
    """Visits by somebody who sits in front of the camera and smiles."""
    film = tmp_path / "smile.mjpeg"
    with Image.open(faces / "happy.jpg") as picture:
        frame = Image.new("RGB", (640, 480), "grey")
        face = picture.convert("RGB").resize((400, round(400 * picture.height / picture.width)))
        frame.paste(face, (120, 20))
        held = io.BytesIO()
        frame.save(held, "JPEG", quality=95)
    film.write_bytes(held.getvalue() * LIGHT)
    filmed = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=[
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        ],
    )
    with visiting(filmed, site.url) as visit:
        yield visit
    filmed.close()


def agree(page: Page, *more: str) -> None:
    for sentence in ("Entiendo lo que se hace con mi imagen", *more):
        page.get_by_label(sentence).check()


def bars(page: Page) -> dict[str, str]:
    told = page.locator(".panel .meter").all_inner_texts()
    return dict(line.split("\n")[:2] for line in told)


def test_no_camera_starts_before_somebody_has_agreed(visit: Visiting) -> None:
    page = visit("/mood").page
    start = page.get_by_role("button", name="Encender la cámara")
    expect(start).to_be_disabled()
    expect(page.get_by_role("button", name="Probar con una foto")).to_be_disabled()
    agree(page)
    expect(start).to_be_enabled()


def test_whom_the_camera_does_not_see_is_told_so(visit: Visiting) -> None:
    page = visit("/mood").page  # the camera shows a ball
    agree(page)
    page.get_by_role("button", name="Encender la cámara").click()
    expect(page.get_by_text("No veo ninguna cara.")).to_be_visible()
    page.get_by_role("button", name="Apagar y borrar").click()
    expect(page.get_by_role("button", name="Encender la cámara")).to_be_visible()
    assert page.evaluate("document.querySelector('video').srcObject") is None


def test_a_smile_is_read_by_the_node_as_it_comes_and_only_the_face_is_sent(in_front: Visiting) -> None:
    someone = in_front("/mood")
    page = someone.page
    sent: list[int] = []

    def follow(socket: object) -> None:
        socket.on("framesent", lambda frame: sent.append(len(frame)) if isinstance(frame, bytes) else None)  # type: ignore[attr-defined]

    page.on("websocket", follow)
    agree(page, "Llevar un ánimo de esta sesión")
    page.get_by_role("button", name="Encender la cámara").click()
    expect(page.locator(".meter[data-top]").first).to_contain_text("alegría")
    expect(page.get_by_text("Ánimo de la sesión")).to_be_visible()
    expect(page.locator(".camera .box")).to_be_visible()
    expect(page.get_by_role("img", name="Tiempo de cada respuesta")).to_be_visible()
    assert sent
    assert max(sent) < 10_000  # a frame of the camera is some ten times as much
    page.get_by_role("button", name="Pausa").click()
    expect(page.get_by_text("En pausa")).to_be_visible()
    assert someone.violations() == []
    page.get_by_role("button", name="Apagar y borrar").click()
    expect(page.get_by_text("Borrado: 1 cosa de esta sesión.")).to_be_visible()
    expect(page.locator(".meter")).to_have_count(0)


def test_the_same_smile_is_read_in_the_browser_and_nothing_leaves_it(in_front: Visiting) -> None:
    page = in_front("/mood").page
    streams: list[str] = []
    page.on("websocket", lambda socket: streams.append(socket.url))
    bodies: list[str] = []
    page.on("request", lambda asked: bodies.append(asked.url) if asked.post_data_buffer else None)
    page.get_by_role("button", name="En este navegador").click()
    agree(page)
    page.get_by_role("button", name="Encender la cámara").click()
    expect(page.locator(".meter[data-top]").first).to_contain_text("alegría")
    assert [url for url in streams if "emotions" in url] == []
    assert bodies == []


@pytest.mark.parametrize("where", ["En el nodo", "En este navegador"])
def test_a_photo_says_here_what_the_node_says_of_it(
    visit: Visiting, site: Site, faces: Path, where: str
) -> None:
    page = visit("/mood").page
    page.get_by_role("button", name=where).click()
    agree(page)
    agreed = 0
    files = sorted(faces.glob("*.jpg"))
    for file in files:
        reply = httpx.post(
            f"{site.url}/v1/emotions",
            params={"detect": True},
            content=file.read_bytes(),
            headers={"Content-Type": "image/jpeg"},
        )
        page.locator("input[type=file]").set_input_files(file)
        told = page.locator(".meter[data-top], .hint")
        expect(told.first).to_be_visible()
        said = told.first.inner_text()
        if reply.is_success:
            agreed += NAMES[reply.json()["faces"][0]["emotion_name"]] in said
        else:
            agreed += reply.json()["error"] == "no_face" and "ninguna cara" in said
        page.get_by_role("button", name="Apagar y borrar").click()
        expect(page.get_by_label("Entiendo lo que se hace con mi imagen")).to_be_visible()
        agree(page)
    # A face is cut out by the browser's means and not OpenCV's: one that is between two may go either way.
    assert agreed >= len(files) - 1

"""`feria gradio`: a shop window in the browser, and an example of the SDK in one file.

All it knows of the shop it asks of `feria.Client`: `search` finds products by words, `search_image` by a
picture, `picture` fetches what they look like.
"""

import base64
import functools
import os
from html import escape
from typing import TYPE_CHECKING, Annotated

import click
import typer

from feria.cli import screen
from feria.cli.finding import read_settings
from feria.cli.options import NodeCommand
from feria.errors import Conflict, FeriaError, Unavailable

if TYPE_CHECKING:
    from feria.catalog.wire import Language, Product
    from feria.client import Client

TEXTS: "dict[Language, dict[str, str]]" = {
    "es": {
        "words": "¿Qué busca?",
        "hint": "zapatillas rojas",
        "picture": "O una foto de algo parecido",
        "find": "Buscar",
        "nothing": "No hay nada así.",
        "count": "Productos: {}",
        "corrected": "Resultados de «{}»",
        "seen": "Parece: {}",
        "unsure": "No está claro; quizás: {}",
    },
    "en": {
        "words": "What are you looking for?",
        "hint": "red sneakers",
        "picture": "Or a photo of something like it",
        "find": "Search",
        "nothing": "There is nothing like that.",
        "count": "Products: {}",
        "corrected": "Results for “{}”",
        "seen": "Looks like: {}",
        "unsure": "Hard to tell; perhaps: {}",
    },
}
STYLE = """
.goods { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; }
.goods article { border: 1px solid var(--border-color-primary); border-radius: 0.75rem; padding: 0.75rem; }
.goods img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 0.5rem; }
.goods h3 { font-size: 1rem; margin: 0.5rem 0 0.25rem; }
.goods p { margin: 0; color: var(--body-text-color-subdued); }
"""

app = typer.Typer()


@app.command(cls=NodeCommand, rich_help_panel="Shop")
def gradio(
    host: Annotated[str, typer.Option(metavar="H", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=65535, help="Port.", show_default="7860, or the next one that is free"
        ),
    ] = None,
) -> None:
    """Search the shop on a page in the browser, by words and by pictures.

    A small page made with Gradio (`pip install 'feria[gradio]'`), in Spanish or
    English as the browser asks, that speaks to a node. Ctrl-C ends it.

    \b
    Examples:
        feria gradio
        feria gradio --url http://shop.example:8000 --port 9000
    """
    with _client() as client:
        client.search(limit=1)  # where no node answers, that is said here, and not to a shopper
        show_window(client, host, port)


def find(client: "Client", words: str, picture: str | None, language: "Language") -> str:
    """What the shop has of that, as HTML: by words, by a picture, or by both."""
    say = TEXTS[language]
    if picture is None:
        page = client.search(words, lang=language)
        products = [hit.product for hit in page.hits]
        told = say["count"].format(page.total)
        if page.corrected is not None:
            told = f"{say['corrected'].format(page.corrected)} · {told}"
    else:
        answer = client.search_image(picture, q=words)
        products = [one.product for one in answer.products]
        best = next(iter(answer.predictions), None)
        told = "" if best is None else say["unsure" if answer.unsure else "seen"].format(best.label)
    if not products:
        told = say["nothing"]
    cards = "".join(card(client, product, language) for product in products)
    return f'<p>{escape(told)}</p><div class="goods">{cards}</div>'


def card(client: "Client", product: "Product", language: "Language") -> str:
    from feria.cli.goods import price

    image = (
        f'<img alt="" src="{thumbnail(client, product.pictures[0].thumbnail)}">' if product.pictures else ""
    )
    title, cost = escape(product.title.said(language)), escape(price(product))
    return f"<article>{image}<h3>{title}</h3><p>{cost}</p><p>{escape(product.brand)}</p></article>"


@functools.lru_cache(maxsize=1000)
def thumbnail(client: "Client", digest: str) -> str:
    """A picture as an address that holds it: browsers need not reach the node. Its bytes never change."""
    return f"data:image/webp;base64,{base64.b64encode(client.picture(digest)).decode()}"


def show_window(client: "Client", host: str, port: int | None) -> None:
    """Serve the page until Ctrl-C. Raises `Unavailable` without Gradio, `Conflict` when it cannot listen."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        import gradio as gr
    except ModuleNotFoundError:
        raise Unavailable(
            "Gradio, which draws the page, is not there: pip install 'feria[gradio]'."
        ) from None

    def search(words: str, picture: str | None, request: gr.Request) -> str:
        wanted = request.headers.get("accept-language", "")
        try:
            return find(client, words, picture, "en" if wanted.lower().startswith("en") else "es")
        except FeriaError as error:
            raise gr.Error(escape(error.message), title="feria", print_exception=False) from None

    text = gr.I18n(**TEXTS)
    with gr.Blocks(title="feria", analytics_enabled=False, delete_cache=(60, 600)) as page:
        with gr.Row():
            with gr.Column(scale=3):
                words = gr.Textbox(label=text("words"), placeholder=text("hint"), autofocus=True)
                button = gr.Button(text("find"), variant="primary")
            picture = gr.Image(
                label=text("picture"),
                type="filepath",
                image_mode=None,  # as it was uploaded: the node looks at it itself
                sources=["upload", "clipboard"],
                height=180,
            )
        goods = gr.HTML()
        gr.on(
            [page.load, button.click, words.submit, picture.upload, picture.clear],
            search,
            inputs=[words, picture],
            outputs=goods,
            show_progress="full",
            concurrency_limit=8,
        )
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            ssr_mode=False,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size="8mb",
            footer_links=[],
            css=STYLE,
            i18n=text,
        )
    except OSError as error:
        raise Conflict(f"The page cannot listen there: {error}") from None
    screen.say(f"The shop is at {address} (Ctrl-C ends it).")
    page.block_thread()


def _client() -> "Client":
    """For the node that --url or FERIA_URL names, else the one on this home, else the usual address."""
    from feria.cli.certificates import pinned
    from feria.cli.machine_health import running_node
    from feria.client import Client

    meta = click.get_current_context().meta
    url, token = meta.get("feria.url"), meta.get("feria.token")
    reach = running_node(read_settings().home) if url is None else None
    if reach is None:
        return Client(url, token=token)
    return Client(reach.url, token=token, ca=reach.certificate and pinned(reach.certificate))

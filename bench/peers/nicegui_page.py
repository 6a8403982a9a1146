"""A shop's search page in NiceGUI: words, a picture, a grid of what was found."""

import sys

from nicegui import ui


@ui.page("/")
def shop() -> None:
    ui.input("Search")
    ui.upload(label="Or a picture")
    ui.button("Search")
    ui.grid(columns=4)


if __name__ in {"__main__", "__mp_main__"}:
    ui.run(host="127.0.0.1", port=int(sys.argv[1]), title="Shop", show=False, reload=False)

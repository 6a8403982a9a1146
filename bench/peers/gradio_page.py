"""A shop's search page in Gradio: words, a picture, a grid of what was found."""

import sys

import gradio as gr


def search(words: str, picture: object) -> list[tuple[str, str]]:
    return []


with gr.Blocks(title="Shop") as page:
    words = gr.Textbox(label="Search")
    picture = gr.Image(label="Or a picture")
    found = gr.Gallery(label="Found", columns=4)
    gr.Button("Search").click(search, [words, picture], found)

if __name__ == "__main__":
    page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True)

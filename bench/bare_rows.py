"""The floor of `row_predict`: the same work and the same answer, on the same server, and nothing else.

python -m bench.bare_rows PORT MODEL.onnx MODEL.json
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench import bare
from feria.registry.wire import Model, TabularInput


class Rows(msgspec.Struct):
    rows: list[list[float]]


def bare_app(file: Path, model: Model) -> Any:
    run = bare.session(file).run
    assert isinstance(model.input, TabularInput)
    assert model.output.labels is not None
    numbers, wanted, labels = model.input.numbers_input, [model.output.probabilities], model.output.labels
    head = {"model": model.name, "version": model.version, "digest": model.digest}
    decode, encode = msgspec.json.Decoder(Rows).decode, msgspec.json.encode

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        if not body:  # are you ready?
            answer = b"{}"
        else:
            values = np.array(decode(body).rows, np.float32)
            probabilities = run(wanted, {numbers: values})[0]
            answer = encode(
                {
                    **head,
                    "predictions": [labels[i] for i in probabilities.argmax(axis=1)],
                    "labels": labels,
                    "probabilities": probabilities.tolist(),
                }
            )
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


if __name__ == "__main__":
    _, port, file, model = sys.argv
    bare.serve(bare_app(Path(file), Model.model_validate_json(Path(model).read_bytes())), int(port))

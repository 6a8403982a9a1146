"""Speak to a running node.

    from feria import Client

    with Client("http://127.0.0.1:8000") as feria:
        model = feria.train("heart", "logistic_regression", "heart.csv", "num>0")
        print(model.metrics["accuracy"])
        print(feria.predict("heart", [{"age": 63, "sex": 1}]).predictions)

`AsyncClient` has the same methods, awaited. What a node refuses is raised as the error it raised
there: `feria.errors.NotFound`, `Invalid`, `Busy` and so on, all of them `FeriaError`.
"""

from feria.client.asynchronous import AsyncClient
from feria.client.synchronous import Client

__all__ = ["AsyncClient", "Client"]

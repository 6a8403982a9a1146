"""What runs in the programs of a hub's SuperLink: Flower's own, behind a guard of ours.

All of the SuperLink is on one port. Stores sign what they send, and runs show a token; but as Flower comes,
whoever reaches the port may also start a run, which is a program, here and at every store, or take over the
run of another. So our `Guard` asks for a secret wherever Flower asks for nothing, and `flower-superexec` is
ours to start because only then it has to show one as well.
"""

import hmac
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from feria.tasks.programs import end_with_parent

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/v1/fleet/", "/v1/runtime/", "/health")
"""Paths that Flower guards itself, and one that tells nothing."""


class Guard:
    """Lets through what Flower guards itself, and whatever shows the secret."""

    def __init__(self, app: Application, secret: str) -> None:
        self._app = app
        self._shown = f"Bearer {secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(OPEN) or self._knows(scope["headers"]):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b"This door asks for a secret."})

    def _knows(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        return any(
            name == b"authorization" and hmac.compare_digest(value, self._shown) for name, value in headers
        )


def _be(name: str, secret_file: str) -> None:
    """One of Flower's programs, with the rest of the command line as its own."""
    end_with_parent()
    sys.argv = [name, f"--superexec-auth-secret-file={secret_file}", *sys.argv[3:]]
    if name == "flower-superexec":
        from flwr.supercore.cli import flower_superexec

        flower_superexec()
        return
    from flwr.superlink import extensions
    from flwr.superlink.cli import flower_superlink
    from starlette.middleware import Middleware

    secret = Path(secret_file).read_text()
    extensions.get_middleware = lambda: (Middleware(Guard, secret=secret),)
    flower_superlink()


if __name__ == "__main__":
    _be(*sys.argv[1:3])

"""Whatever a caller shows at a locked door: in, or told what is missing."""

from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feria.access import hashing
from feria.access.tokens import Tokens
from feria.access.wire import Role, TokenOrder
from feria.app import open_app
from feria.settings import AccessSettings, Settings

HEX = st.text("0123456789abcdef", min_size=12, max_size=12)
LATIN = st.text(st.characters(codec="latin-1", exclude_characters="\0\r\n"), max_size=30)
LIKE_A_TOKEN = st.builds("feria_{}_{}".format, HEX, HEX.map(lambda text: (text * 6)[:64]))
SHOWN = st.dictionaries(
    st.sampled_from(["Authorization", "Cookie"]),
    st.builds(
        "{}{}".format,
        st.sampled_from(
            ["Bearer ", "bearer\t", "Basic ", "feria_session=", "a=b; feria_session=", "; ;=", ""]
        ),
        LATIN | LIKE_A_TOKEN,
    ),
    max_size=2,
)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[tuple[httpx.AsyncClient, str]]:
    """A locked node, and a token that it takes."""
    free = AccessSettings(
        locked=True, anonymous_per_second=1e6, requests_per_second=1e6, failures_per_minute=10**9
    )
    asked = Settings(home=tmp_path / "home", access=free, _env_file=None)
    async with (
        open_app(asked) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        made = await node.parts[Tokens].create(TokenOrder(name="ana", role=Role.client))
        yield http, made.token


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shown=SHOWN)
async def test_nobody_comes_in_with_anything_but_a_token(
    door: tuple[httpx.AsyncClient, str], shown: dict[str, str]
) -> None:
    http, token = door
    headers = {name: said.encode("latin-1") for name, said in shown.items()}
    reply = await http.get("/v1/models", headers=headers)
    assert (reply.status_code, reply.json()["error"]) == (401, "not_signed_in")
    reply = await http.post("/v1/session", json={"token": " ".join(shown.values())})
    assert (reply.status_code, reply.json()["error"]) == (401, "not_signed_in")
    headers["Authorization"] = f"bearer  {token} ".encode()
    assert (await http.get("/v1/models", headers=headers)).status_code == 200


@given(text=LATIN | LIKE_A_TOKEN)
def test_what_is_read_as_a_token_is_written_as_it_was(text: str) -> None:
    presented = hashing.parse(text)
    assert presented is None or str(presented) == text

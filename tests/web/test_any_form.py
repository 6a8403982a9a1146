"""Uploads as no browser writes them: what cannot be read is refused, and nothing of it is a bug."""

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import nets

NAMES = st.sampled_from(["file", "order", "image", "description", "sha256", ""]) | st.text(max_size=4)
FILES = (
    st.none()
    | st.text(max_size=20)
    | st.sampled_from(["a.csv", "a.\0", "a.b/c.d", ".." * 20, "a." + "é" * 90])
)
CONTENTS = st.binary(max_size=20) | st.sampled_from(
    [b"a,b\n1,2\n", b'{"kind": "mlp", "target": "a"}', b"\xff", nets.linear([1.0])]
)
PARTS = st.lists(st.tuples(NAMES, FILES, CONTENTS), max_size=3)
CHARSETS = st.sampled_from(
    ["", "utf-8", "undefined", "idna", "punycode", "rot13", "hex", "utf-7", "no such", "\xff"]
)


def form(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    said = b""
    for name, file, content in parts:
        named = "" if file is None else f'; filename="{file}"'
        disposition = f'content-disposition: form-data; name="{name}"{named}'
        said += b"--x\r\n" + disposition.encode("utf-8", "surrogatepass") + b"\r\n\r\n" + content + b"\r\n"
    return said + b"--x--\r\n"


@pytest.fixture
async def shop(http: httpx.AsyncClient) -> httpx.AsyncClient:
    for name, net in {"sum": nets.linear([2.0]), "picture": nets.mean_colour()}.items():
        published = await http.post(f"/v1/models/{name}", files={"file": net})
        assert published.status_code == 201, published.text
    return http


# Starlette leaves the files of a form it cannot decode to the collector.
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.Spooled:ResourceWarning")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["picture", "picture/predict", "sum/predict", "sum/train"]),
    parts=PARTS,
    charset=CHARSETS,
    cut=st.none() | st.integers(0, 200),
)
@example("sum", [("file", "a.\0", b"")], "", None)
@example("sum/train", [("file", "a.csv", b"a\n"), ("order", None, b"\xff")], "undefined", None)
@example("picture/predict", [("image", "a.jpg", b"\xff")], "undefined", None)
@example("picture/predict", [("\r", None, b"")], "", None)
async def test_any_form_is_answered_without_a_bug(
    shop: httpx.AsyncClient,
    path: str,
    parts: list[tuple[str, str | None, bytes]],
    charset: str,
    cut: int | None,
) -> None:
    kind = "multipart/form-data; boundary=x" + (f"; charset={charset}" if charset else "")
    reply = await shop.post(
        f"/v1/models/{path}", content=form(parts)[:cut], headers={"content-type": kind.encode("latin-1")}
    )
    assert reply.status_code < 500, reply.text

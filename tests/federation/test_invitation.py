"""One line of text that a hub gives and a store reads."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cli.certificates import self_signed
from feria.errors import Invalid
from feria.federation.invitation import PREFIX, Invitation, Redemption, decode, encode

KEY = "ecdsa-sha2-nistp384 " + "A" * 180


@pytest.fixture(scope="module")
def invitation(tmp_path_factory: pytest.TempPathFactory) -> Invitation:
    ca = self_signed(tmp_path_factory.mktemp("ca")).certificate.read_text()
    return Invitation(
        name="Hospital Barcelona",
        hub="https://hub.example:8443",
        superlink="hub.example:9092",
        ca=ca,
        token="t0k3n-" * 7,
        expires=datetime.now(UTC) + timedelta(days=7),
    )


def changed(invitation: Invitation, **fields: Any) -> str:
    """As somebody would make it who knows the form, and says something else in it."""
    said = {**invitation.model_dump(mode="json"), **fields}
    said = {name: value for name, value in said.items() if value is not ...}
    sum = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]
    text = json.dumps({**said, "sum": sum}).encode()
    return PREFIX + base64.urlsafe_b64encode(text).decode().rstrip("=")


def test_what_is_encoded_is_decoded(invitation: Invitation) -> None:
    text = encode(invitation)
    assert text.startswith("feria-")
    assert text.isascii()
    assert not set(text) & set(" \n=+/")
    assert decode(text) == invitation


def test_it_can_be_read_without_feria(invitation: Invitation) -> None:
    packed = encode(invitation).removeprefix(PREFIX)
    said = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    assert said.keys() == {"v", "name", "hub", "superlink", "ca", "token", "expires", "sum"}
    assert (said["v"], said["name"], said["hub"]) == (1, invitation.name, invitation.hub)


def test_lines_that_mail_broke_are_joined(invitation: Invitation) -> None:
    text = encode(invitation)
    broken = "\r\n > ".join(text[at : at + 76] for at in range(0, len(text), 76)).replace(">", "")
    assert decode(f"\n  {broken}\n") == invitation


@pytest.mark.parametrize(
    "text", ["", "  ", "hello", "https://hub.example/", "FERIA-abc", "feria", b"\xff".hex()]
)
def test_another_text_is_no_invitation(text: str) -> None:
    with pytest.raises(Invalid, match="no invitation"):
        decode(text)


@given(data=st.data())
def test_one_wrong_character_is_noticed(data: st.DataObject, invitation: Invitation) -> None:
    text = encode(invitation)
    at = data.draw(st.integers(len(PREFIX), len(text) - 1))
    wrong = data.draw(st.characters(codec="utf-8").filter(lambda letter: not letter.isspace()))
    assert outcome(text[:at] + wrong + text[at + 1 :]) in {invitation, "damaged"}


def outcome(text: str) -> Invitation | str:
    """A last character has bits that are not used, so a wrong one may do no harm."""
    try:
        return decode(text)
    except Invalid as error:
        return "damaged" if "damaged" in error.message else error.message


@given(data=st.data())
def test_a_part_of_it_is_noticed(data: st.DataObject, invitation: Invitation) -> None:
    text = encode(invitation)
    end = data.draw(st.integers(len(PREFIX), len(text) - 1))
    with pytest.raises(Invalid, match="damaged"):
        decode(text[:end])


@given(st.binary(max_size=200))
def test_any_bytes_in_its_place_are_noticed(noise: bytes) -> None:
    with pytest.raises(Invalid, match="damaged"):
        decode(PREFIX + base64.urlsafe_b64encode(noise).decode())


@pytest.mark.parametrize(
    "json", ["[" * 30_000, "1", "[]", "null", '{"sum": null}', '"' + "x" * 200_000 + '"']
)
def test_json_that_is_no_invitation_is_noticed(json: str) -> None:
    with pytest.raises(Invalid, match="damaged"):
        decode(PREFIX + base64.urlsafe_b64encode(json.encode()).decode())


def test_one_of_a_newer_feria_says_so(invitation: Invitation) -> None:
    with pytest.raises(Invalid, match="newer feria"):
        decode(changed(invitation, v=2, more="than we know"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "  "),
        ("name", "a/b"),
        ("hub", "hub.example"),
        ("hub", "ftp://hub.example"),
        ("hub", "http://hub.example"),  # the token would be read on the way
        ("hub", "https://ana:secret@hub.example"),
        ("hub", "https://hub.example:99999"),
        ("superlink", "hub.example"),
        ("superlink", "https://hub.example:9092"),
        ("superlink", "hub.example:0"),
        ("superlink", "hub.example:9092/x"),
        ("ca", ""),
        ("ca", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("ca", "é"),
        ("token", "short"),
        ("token", "with blanks and so on, not ours"),
        ("expires", "tomorrow"),
        ("expires", "2030-01-01T00:00:00"),  # of which zone?
        ("expires", ...),
        ("extra", 1),
    ],
)
def test_a_field_that_makes_no_sense_is_named(invitation: Invitation, field: str, value: object) -> None:
    with pytest.raises(Invalid, match=rf"not made well.*\({field}: "):
        decode(changed(invitation, **{field: value}))


@pytest.mark.parametrize(
    "hub", ["http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:8000", "https://h/x/"]
)
def test_a_hub_may_be_on_this_machine_or_below_a_path(invitation: Invitation, hub: str) -> None:
    assert decode(changed(invitation, hub=hub)).hub == hub.rstrip("/")


def test_the_token_is_not_shown_in_passing(invitation: Invitation) -> None:
    assert invitation.token not in repr(invitation)
    with pytest.raises(Invalid) as caught:
        decode(changed(invitation, token="se cret " * 5))
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-rsa AAAA",
        f"{KEY} ana@shop",
        f"{KEY}\n",
        "ecdsa-sha2-nistp384 ",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_a_store_shows_a_public_key_of_the_kind_we_use(key: str) -> None:
    told = {"token": "t" * 16, "dataset": "", "columns": [{"name": "a", "kind": "text"}], "rows": 1}
    told["schema_digest"] = "0" * 64
    assert Redemption.model_validate({**told, "public_key": KEY})
    with pytest.raises(ValidationError):
        Redemption.model_validate({**told, "public_key": key})


def test_importing_it_brings_no_flower() -> None:
    import subprocess
    import sys

    heavy = "import sys, feria.federation.invitation; print({'flwr', 'polars', 'sklearn'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", heavy], capture_output=True, text=True, check=True, cwd=Path("/")
    )
    assert done.stdout.strip() == "set()"

"""Nodes that others can reach: what they ask for before they start, and who comes in then."""

import json
import stat
from pathlib import Path

import httpx
import pytest

from cli.certificates import self_signed
from cli.running import Feria
from feria import Client
from feria.errors import NotSignedIn, Unavailable

ADMIN = ("tokens", "create", "ana", "--role", "admin")


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["--host", "0.0.0.0"], {}, "Give --tls-cert and --tls-key, or --behind-proxy"),
        (["--behind-proxy"], {}, "feria tokens create NAME --role admin"),
        (["--behind-proxy"], {"FERIA_ACCESS__LOCKED": "false"}, "Leave it unset"),
        (["--host", "0.0.0.0"], {"FERIA_ACCESS__LOCKED": "false"}, "Leave it unset"),
        ([], {"FERIA_ACCESS__LOCKED": "true"}, "feria tokens create NAME --role admin"),
        (["--tls-cert", "node.pem"], {}, "--tls-cert and --tls-key go together"),
        (["--tls-cert", "none.pem", "--tls-key", "none.key"], {}, "none.pem cannot be read"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "up"])
def test_a_node_that_would_stand_open_says_what_to_set_and_does_not_start(
    feria: Feria, command: str, words: list[str], variables: dict[str, str], said: str
) -> None:
    line = feria.refused(command, "--port", "0", *words, **variables)
    assert line.startswith("invalid: ")
    assert said in line


def test_tls_files_that_will_not_do_are_named(feria: Feria) -> None:
    good, expired = self_signed(feria.folder), self_signed(feria.folder, "expired", days=-1)
    hidden = self_signed(feria.folder, "hidden", password=b"secret")
    for certificate, key, said in (
        (good.certificate, expired.key, "is not the private key of the certificate"),
        (expired.certificate, expired.key, "will not do: certificate has expired"),
        (hidden.certificate, hidden.key, "is encrypted"),
        (good.key, good.key, "are no certificate and private key in PEM"),
        (good.certificate, feria.folder, "cannot be read"),
    ):
        line = feria.refused("serve", "--port", "0", "--tls-cert", certificate, "--tls-key", key)
        assert said in line, line


def test_a_token_is_printed_alone_and_kept_as_a_hash(feria: Feria) -> None:
    made = feria(*ADMIN, FERIA_ACCESS__LOCKED="true")  # where no node runs, who has the home has the key
    token = made.out.removesuffix("\n")
    assert token.startswith("feria_")
    assert "It is not shown again" in made.err
    secret = token.rpartition("_")[2].encode()
    assert not [file for file in feria.home.rglob("*") if file.is_file() and secret in file.read_bytes()]


def test_others_come_in_by_token_over_tls_and_commands_of_the_home_by_themselves(feria: Feria) -> None:
    token = feria(*ADMIN).out.strip()
    tls = self_signed(feria.folder)
    with feria.node("--host", "0.0.0.0", *tls.options) as node:
        assert node.url.startswith("https://127.0.0.1:")
        assert "asks every caller for a token" in node.said
        assert "ana" in feria("tokens", "list").out  # pinned: the file names nobody's authority

        with Client(node.url, token=token, ca=tls.certificate) as client:
            assert client.whoami().subject == "ana"
        with Client(node.url, ca=tls.certificate) as client, pytest.raises(NotSignedIn):
            client.models()
        with Client(node.url, token=token) as client, pytest.raises(Unavailable, match="FERIA_CA"):
            client.models()

        elsewhere = Feria(feria.folder / "elsewhere", feria.folder)
        reach = {"FERIA_URL": node.url, "FERIA_CA": str(tls.certificate)}
        assert "FERIA_TOKEN" in elsewhere.refused("models", "list", **reach)
        assert "holds no certificates" in elsewhere.refused(
            "models", "list", **reach | {"FERIA_CA": "none.pem"}
        )
        elsewhere("models", "list", FERIA_TOKEN=token, **reach)
        elsewhere("models", "list", "--token", token, **reach)
        assert node.stop()[0] == 0


def test_another_certificate_at_the_nodes_address_is_not_taken_for_it(feria: Feria) -> None:
    feria(*ADMIN)
    with feria.node(*self_signed(feria.folder).options, "--behind-proxy"):
        lock = feria.home / "node.lock"
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        said = json.loads(lock.read_bytes())
        said["reach"]["certificate"] = self_signed(feria.folder, "other").certificate.read_text()
        lock.write_text(json.dumps(said))
        assert "is not trusted" in feria.refused("models", "list")


def test_the_way_in_that_a_node_leaves_ends_with_it(feria: Feria) -> None:
    feria(*ADMIN)
    with feria.node("--behind-proxy") as node:
        reach = json.loads((feria.home / "node.lock").read_bytes())["reach"]
        with Client(node.url, token=reach["token"]) as client:
            assert client.whoami().subject == "local"
    with (
        feria.node("--behind-proxy") as again,
        Client(again.url, token=reach["token"]) as client,
        pytest.raises(NotSignedIn),
    ):
        client.models()


def test_a_token_is_replaced_and_the_last_one_not_lost_by_mistake(feria: Feria) -> None:
    first = feria(*ADMIN).out.strip()
    with feria.node("--behind-proxy") as node, Client(node.url, token=first) as client:
        id = first.split("_")[1]
        assert "Create another one first" in feria.refused("tokens", "revoke", id)
        second = feria(*ADMIN).out.strip()
        feria("tokens", "revoke", id)
        with pytest.raises(NotSignedIn):
            client.models()
        with Client(node.url, token=second) as client:
            assert client.models() == ()
    assert second.split("_")[1] in feria("tokens", "list", "--json").out


def test_up_shows_its_first_round_on_a_locked_node_too(feria: Feria) -> None:
    feria(*ADMIN)
    with feria.node("--behind-proxy", command="up", until="Read on") as node:
        assert "Trained breast_cancer@1" in node.said
        assert "curl http://127.0.0.1" in node.said
        assert "Authorization: Bearer $FERIA_TOKEN" in node.said


def sign_in(url: str, token: str, **forwarded: str) -> httpx.Response:
    headers = {"Host": "node.example"} | {f"X-Forwarded-{name}": said for name, said in forwarded.items()}
    return httpx.post(f"{url}/v1/session", timeout=300, json={"token": token}, headers=headers)


def test_behind_a_proxy_callers_are_who_it_says_they_are(feria: Feria) -> None:
    token = feria(*ADMIN).out.strip()
    (feria.folder / ".env").write_text("FERIA_ACCESS__FAILURES_PER_MINUTE=1\n")
    with feria.node("--behind-proxy") as node:
        signed = sign_in(node.url, token, Proto="https", For="192.0.2.1")
        assert signed.headers["set-cookie"].startswith("__Host-feria_session=")
        assert "Secure" in signed.headers["set-cookie"]
        assert "strict-transport-security" in signed.headers
        wrong = [sign_in(node.url, "wrong", For="192.0.2.1").status_code for _ in range(2)]
        assert wrong == [401, 429]
        assert sign_in(node.url, "wrong", For="192.0.2.2").status_code == 401


def test_who_is_no_trusted_proxy_cannot_say_who_calls(feria: Feria) -> None:
    token = feria(*ADMIN).out.strip()
    (feria.folder / ".env").write_text(
        'FERIA_ACCESS__FAILURES_PER_MINUTE=1\nFERIA_WEB__TRUSTED_PROXIES=["192.0.2.0/24"]\n'
    )
    with feria.node("--behind-proxy") as node:
        signed = sign_in(node.url, token, Proto="https", For="192.0.2.1")
        assert signed.headers["set-cookie"].startswith("feria_session=")
        assert sign_in(node.url, "wrong", For="192.0.2.1").status_code == 401
        assert sign_in(node.url, "wrong", For="192.0.2.2").status_code == 429


def test_a_person_is_exported_and_erased(feria: Feria) -> None:
    feria("tokens", "create", "ben", "--role", "client", "--days", "7")
    out = feria.folder / "ben.json"
    feria("privacy", "export", "ben", "--out", out)
    assert json.loads(out.read_text())["rooms"]["access"]["tokens"][0]["name"] == "ben"
    assert feria("privacy", "erase", "ben", stdin="n\n", code=1).out == ""
    assert "access: 1" in feria("privacy", "erase", "ben", "--yes").out
    assert "There are no tokens" in feria("tokens", "list").err


def test_a_home_given_back_to_its_machine_is_open_again(feria: Feria, tmp_path: Path) -> None:
    feria(*ADMIN)
    with feria.node() as node, Client(node.url) as client:
        assert client.whoami().locked is False
        assert client.models() == ()

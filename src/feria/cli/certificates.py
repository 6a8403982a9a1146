"""TLS: the certificate a node shows, tried before anybody sees it, and commands that know it by sight."""

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feria.errors import Invalid

HANDSHAKE_STEPS = 8


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What the node listens with. Raises `Invalid`, naming what is wrong with the two files."""
    for file in (certificate, key):
        try:
            file.read_bytes()
        except OSError as error:
            raise Invalid(f"The TLS file {file} cannot be read: {error.strerror}.") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Invalid(f"{key} is not the private key of the certificate {certificate}.") from None
        raise Invalid(f"{certificate} and {key} are no certificate and private key in PEM.") from None
    _shake_hands(context, pinned(leaf(certificate)), certificate)
    return context


def leaf(certificate: Path) -> str:
    """The first certificate of a chain: the node's own."""
    found = re.search(
        r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", certificate.read_text("ascii"), re.S
    )
    assert found, "OpenSSL has read it"
    return found[0] + "\n"


def pinned(certificate: str) -> ssl.SSLContext:
    """Trusts that one certificate, whoever signed it and whatever name it bears, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def valid_until(certificate: Path, key: Path) -> datetime:
    """When the certificate ends. Raises `Invalid` when it will not do even now."""
    shown = _shake_hands(server_context(certificate, key), pinned(leaf(certificate)), certificate)
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, certificate: Path) -> dict[str, Any]:
    """In memory, as the first caller would: what it finds wrong is known before there is one. Returns
    what the caller was shown."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [server.wrap_bio(to_server, to_client, server_side=True), client.wrap_bio(to_client, to_server)]
    try:
        for _ in range(HANDSHAKE_STEPS):
            for side in sides:
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError as error:
        raise Invalid(f"The certificate {certificate} will not do: {error.verify_message}.") from None
    return sides[1].getpeercert() or {}


def _no_password() -> str:
    raise Invalid("The TLS key is encrypted, and a node that starts by itself knows no password. Decrypt it.")

"""Certificates that nodes show each other: an authority of the cluster's own, and one for each node.

The authority signs nobody else, so whom it signed is a node of the cluster; which name the certificate
bears is for people to read.
"""

import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from feria.cluster.network import Tls
from feria.errors import Conflict, Invalid
from feria.storage import durable
from feria.storage.blobs import disk_errors

AUTHORITY_LIFE = timedelta(days=20 * 365)
LIFE = timedelta(days=5 * 365)
BACKDATED = timedelta(days=1)
"""Another node's clock may be behind."""


def read_tls(certificate: Path, key: Path, ca: Path) -> Tls:
    """Raises `Invalid`, naming what is wrong with the files."""
    for file in (certificate, key, ca):
        try:
            file.read_bytes()
        except OSError as error:
            raise Invalid(f"The TLS file {file} cannot be read: {error.strerror}.") from None
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False  # members are found by whatever address; their authority vouches for them
    for context in (server, client):
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise Invalid(f"{key} is not the private key of the certificate {certificate}.") from None
            raise Invalid(f"{certificate} and {key} are no certificate and private key in PEM.") from None
        try:
            context.load_verify_locations(ca)
        except ssl.SSLError:
            raise Invalid(f"{ca} is no certificate in PEM.") from None
    _try_out(server, client, certificate, ca)
    return Tls(server, client)


def make_certificate(folder: Path, name: str, hosts: Sequence[str], now: datetime) -> tuple[Path, Path, Path]:
    """`NAME.pem` and `NAME.key` in that folder, signed by its authority `ca.pem` with `ca.key`, which are
    made when they are not there. Returns the three that the node needs: its two, and `ca.pem`.

    `hosts` are names and addresses of the node. Raises `Conflict` where the node has a certificate already,
    `Invalid` for an authority that cannot be read; `DiskFull` and `Unavailable` of the disk.
    """
    certificate, private, ca = folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem"
    for file in (certificate, private):
        if file.exists():
            raise Conflict(f"{file} is there already; remove it where {name} needs a new one.")
    with disk_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority, signing = _authority(folder, now)
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _begun(name, authority.subject, key, signing, now, min(now + LIFE, authority.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts or [name]]), False)
            .sign(signing, hashes.SHA256())
        )
        durable.write(private, _pem(key))
        durable.write(certificate, made.public_bytes(Encoding.PEM), mode=0o644)
    return certificate, private, ca


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    file, key_file = folder / "ca.pem", folder / "ca.key"
    if not file.exists() and not key_file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        name = (
            f"feria cluster {x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:12]}"
        )
        own = (
            _begun(name, _subject(name), key, key, now, now + AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_certificates(), critical=True)
            .sign(key, hashes.SHA256())
        )
        durable.write(key_file, _pem(key))
        durable.write(file, own.public_bytes(Encoding.PEM), mode=0o644)
        return own, key
    try:
        held = load_pem_private_key(key_file.read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (FileNotFoundError, ValueError, TypeError, UnsupportedAlgorithm):
        held = None
    if not isinstance(held, ec.EllipticCurvePrivateKey) or certificate.public_key() != held.public_key():
        raise Invalid(f"{file} and {key_file} are no authority of ours; restore both from one backup.")
    return certificate, held


def _begun(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    """What certificates of both kinds have."""
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(signer, critical=False)
    )


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host.strip("[]")))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _try_out(server: ssl.SSLContext, client: ssl.SSLContext, certificate: Path, ca: Path) -> None:
    """In memory, as two nodes that show each other this certificate: what is wrong is known before that."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [server.wrap_bio(to_server, to_client, server_side=True), client.wrap_bio(to_client, to_server)]
    try:
        for _ in range(8):
            for side in sides:
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError as error:
        raise Invalid(
            f"The certificate {certificate} will not do for {ca}: {error.verify_message}."
        ) from None


def _no_password() -> str:
    raise Invalid(
        "The private key is encrypted, and a node that starts by itself knows no password. Decrypt it."
    )

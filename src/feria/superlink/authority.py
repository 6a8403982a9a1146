"""The hub's own certificate authority: by its certificate, which invitations carry, a store knows the hub.

In the folder: `ca.pem` (public), `ca.key`, and `superlink.pem`, which is what the SuperLink shows:
certificate and private key in one file, so that both change at once. Keys are for their owner alone.
"""

import os
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from feria.clock import Clock
from feria.errors import Corrupt, Expired, Invalid
from feria.storage.blobs import disk_errors
from feria.storage.durable import sync

CA_LIFE = timedelta(days=20 * 365)
"""Each store keeps a copy of the CA's certificate, which only a new invitation replaces."""
LIFE = timedelta(days=365)
RENEWED_BEFORE = timedelta(days=30)
BACKDATED = timedelta(days=1)
"""A store's clock may be behind the hub's."""
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
"""By these Flower's own processes call the SuperLink."""


class Authority:
    """Signs the SuperLink's certificate. Made by `open_authority`."""

    def __init__(
        self, folder: Path, clock: Clock, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        self.ca = folder / "ca.pem"
        self.certificate = folder / "superlink.pem"
        self._clock = clock
        self._key = key
        self._certificate = certificate

    def certify(self, names: Iterable[str]) -> bool:
        """See to it that `self.certificate` is good for the hub under these host names and addresses, and
        `THIS_MACHINE`; whether a new one had to be made.

        A new one is made when there is none that can be used, when it ends within `RENEWED_BEFORE`, and when
        the names are others. Raises `Invalid` for what is no name, `Expired` when the CA's own time is over,
        `DiskFull` and `Unavailable` of the disk.
        """
        wanted = {_name(name) for name in (*names, *THIS_MACHINE)}
        now = self._clock.now()
        if now + RENEWED_BEFORE < self._good_until(wanted):
            return False
        if self._certificate.not_valid_after_utc <= now:
            raise Expired(
                f"The certificate authority {self.ca} ended on "
                f"{self._certificate.not_valid_after_utc:%d %B %Y}. Move its folder away and start again: "
                "there will be a new one, and every store needs a new invitation."
            )
        with disk_errors():
            _write(self.certificate, self._signed(wanted, now), os.replace)
        return True

    def ends(self) -> datetime:
        """When the certificate that the SuperLink shows ends."""
        return _leaf(self.certificate.read_bytes()).not_valid_after_utc

    def _good_until(self, wanted: set[x509.GeneralName]) -> datetime:
        """The beginning of time for a certificate that will not do even now."""
        never = datetime.min.replace(tzinfo=self._clock.now().tzinfo)
        try:
            pem = self.certificate.read_bytes()
            leaf, key = _leaf(pem), _private_key(pem)
            leaf.verify_directly_issued_by(self._certificate)
            held = set(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except (
            OSError,
            ValueError,
            TypeError,
            InvalidSignature,
            UnsupportedAlgorithm,
            x509.ExtensionNotFound,
        ):
            return never
        return leaf.not_valid_after_utc if held == wanted and leaf.public_key() == key.public_key() else never

    def _signed(self, names: set[x509.GeneralName], now: datetime) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _begun("feria SuperLink", self._certificate.subject, key, self._key)
            .not_valid_before(now - BACKDATED)
            .not_valid_after(min(now + LIFE, self._certificate.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName(sorted(names, key=repr)), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM) + _pem(key)


def open_authority(folder: Path, clock: Clock) -> Authority:
    """The CA of that folder, made at the first call and never again: every store trusts that one.

    Where the certificate alone is lost, the same key signs another, and stores that hold the old one notice
    nothing. Raises `Corrupt` where the key is lost or is no key, or is not that of the certificate;
    `DiskFull` and `Unavailable` of the disk.
    """
    folder = folder.absolute()
    key_file, file = folder / "ca.key", folder / "ca.pem"
    with disk_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not key_file.exists():
            if file.exists():
                raise Corrupt(f"{key_file} is gone, the private key of {file}; restore it from a backup.")
            _write(key_file, _pem(ec.generate_private_key(ec.SECP384R1())), os.link)
        try:
            key = _private_key(key_file.read_bytes())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise Corrupt(f"{key_file} is no private key of ours; restore it from a backup.") from None
        if not file.exists():
            _write(file, _own(key, clock.now()), os.link, mode=0o644)
        try:
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
        except ValueError:
            raise Corrupt(f"{file} is no certificate; restore it from a backup.") from None
    if certificate.public_key() != key.public_key():
        raise Corrupt(f"{key_file} is not the private key of {file}; restore the two from one backup.")
    return Authority(folder, clock, key, certificate)


def _own(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    """The CA's certificate of itself. Its name follows from its key, for another one of the same key must
    bear the same name."""
    name = f"feria hub {x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:16]}"
    certificate = (
        _begun(name, _subject(name), key, key)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA384())
    )
    return certificate.public_bytes(Encoding.PEM)


def _begun(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, signing: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """What certificates of both kinds have."""
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(**these: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{usage: these.get(usage, False) for usage in every})


def _name(name: str) -> x509.GeneralName:
    """Of a host, as a certificate says it. Raises `Invalid`."""
    try:
        return x509.IPAddress(ip_address(name.strip("[]")))
    except ValueError:
        pass
    try:
        ascii_name = name.encode("idna").decode()
    except UnicodeError:
        ascii_name = ""
    if not ascii_name or any(
        not (part and part.replace("-", "").isalnum()) for part in ascii_name.split(".")
    ):
        raise Invalid(f"'{name}' is neither a host name nor an address, and a certificate cannot bear it.")
    return x509.DNSName(ascii_name.lower())


def _leaf(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("no key on an elliptic curve")
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, put: Callable[[Path, Path], None], mode: int = 0o600) -> None:
    """Whole or not at all, surviving a power cut. `put` is `os.replace`, or `os.link`, which raises
    `FileExistsError` rather than overwrite."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        put(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    sync(path.parent)

"""Whether a node is open to its own machine or locked, and what it takes to listen to others."""

from feria.access.origins import is_loopback
from feria.errors import Invalid
from feria.settings import Settings


def is_locked(settings: Settings) -> bool:
    """Whether callers are asked for a token: unless only this machine can reach the node, or by setting."""
    if settings.access.locked is not None:
        return settings.access.locked
    return reaches_others(settings)


def reaches_others(settings: Settings) -> bool:
    return settings.web.behind_proxy or not is_loopback(settings.web.host)


def refuse_exposure(settings: Settings) -> None:
    """Raises `Invalid`, saying what to do, when others could use the node unasked or listen in."""
    web = settings.web
    if reaches_others(settings) and not is_locked(settings):
        raise Invalid(
            "FERIA_ACCESS__LOCKED=false would let everybody in who reaches this node. Leave it unset, or "
            "listen on 127.0.0.1 without --behind-proxy."
        )
    if (web.tls_certificate is None) != (web.tls_key is None):
        raise Invalid("--tls-cert and --tls-key go together: a certificate and its private key.")
    if not is_loopback(web.host) and web.tls_certificate is None and not web.behind_proxy:
        raise Invalid(
            f"On {web.host} tokens and data would travel in the clear. Give --tls-cert and --tls-key, or "
            "--behind-proxy where a proxy in front ends TLS."
        )
    _refuse_open_gossip(settings)


def _refuse_open_gossip(settings: Settings) -> None:
    """Nodes that speak to each other, unless on one machine, know each other by key and certificate."""
    cluster = settings.cluster
    host = cluster.host or settings.web.host
    if cluster.gossip_port is None or is_loopback(host) or cluster.insecure:
        return
    missing = [
        what
        for what, said in (
            ("a key (--cluster-key FILE, which `feria cluster key new FILE` makes)", cluster.key_file),
            (
                "certificates (FERIA_CLUSTER__CERTIFICATE, _CERTIFICATE_KEY and _CA, which `feria cluster "
                "certificates` makes)",
                cluster.certificate,
            ),
        )
        if said is None
    ]
    if missing:
        raise Invalid(
            f"On {host} whoever reaches port {cluster.gossip_port} could read and write all keys of the "
            f"cluster. It takes {' and '.join(missing)}; in a network of your own alone, --insecure."
        )

"""What Prometheus hears of a cluster."""

from collections import Counter
from collections.abc import Iterable

from feria.cluster.member import Member
from feria.cluster.network import Traffic
from feria.telemetry.metrics import Metrics


def tell(metrics: Metrics, member: Member) -> None:
    """Figures of rows are those of the member's last look. A node that stays alone tells zeros."""
    network, swim, store = member.network, member.swim, member.store

    def traffic() -> Iterable[Traffic]:
        return () if network is None else network.traffic.values()

    metrics.gauge(
        "feria_cluster_members",
        "Other members, by the state this node sees them in: alive, suspect, dead, left.",
        lambda: Counter(peer.state.name for peer in swim.peers.values()) if swim is not None else {},
        "state",
    )
    metrics.gauge(
        "feria_cluster_behind",
        "Writes that a member has not said to have.",
        lambda: {id: lag.behind for id, lag in member.figures.lags.items() if id != member.id},
        "member",
    )
    metrics.counter(
        "feria_cluster_bytes_in",
        "Bytes that came from members.",
        lambda: sum(each.bytes_in for each in traffic()),
    )
    metrics.counter(
        "feria_cluster_bytes_out",
        "Bytes that went to members.",
        lambda: sum(each.bytes_out for each in traffic()),
    )
    metrics.counter(
        "feria_cluster_dropped",
        "Messages that were not sent, since too much waited or nobody was reached; a later exchange says "
        "them again.",
        lambda: sum(each.dropped for each in traffic()),
    )
    metrics.counter(
        "feria_cluster_refusals",
        "Connections of other nodes that were closed: key, cluster, tls, forged, length, garbage, protocol, "
        "truncated, slow, crowded.",
        lambda: {} if network is None else {**network.refusals.counts},
        "reason",
    )
    metrics.counter(
        "feria_cluster_unread",
        "Messages of members that were dropped: stranger, busy, garbage.",
        lambda: dict(member.unread),
        "reason",
    )
    metrics.gauge(
        "feria_cluster_connections",
        "Connections with other nodes.",
        lambda: 0 if network is None else network.connections,
    )
    metrics.gauge(
        "feria_cluster_doubt",
        "How slow this node takes itself to be, 0 to 8, as its loop stands still or answers do not come.",
        lambda: 0 if swim is None else swim.view.doubt,
    )
    metrics.gauge(
        "feria_cluster_origins",
        "Writers in the version vector; grows by one each time a node starts after a crash.",
        lambda: member.figures.origins,
    )
    metrics.counter(
        "feria_cluster_commits", "Commits of keys; one may hold many writes.", lambda: store.writer.commits
    )
    metrics.gauge(
        "feria_cluster_bootstrapping",
        "1 while the node takes over rows, and lacks keys.",
        lambda: float(store.bootstrapping),
    )
    metrics.counter(
        "feria_cluster_resets",
        "Times the node took over another's state, having been away for too long.",
        lambda: member.figures.resets,
    )

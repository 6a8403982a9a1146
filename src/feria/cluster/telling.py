"""What Prometheus hears of a cluster."""

from collections import Counter

from feria.cluster.member import Member
from feria.telemetry.metrics import Metrics


def tell(metrics: Metrics, member: Member) -> None:
    """Figures of rows are those of the member's last look."""
    network, swim, store = member.network, member.swim, member.store
    metrics.gauge("feria_cluster_origins", "Writers in the version vector.", lambda: member.figures.origins)
    metrics.counter("feria_cluster_commits", "Commits of keys.", lambda: store.writer.commits)
    metrics.gauge(
        "feria_cluster_bootstrapping",
        "Whether the node takes over rows, and lacks keys.",
        lambda: float(store.bootstrapping),
    )
    if network is None or swim is None:
        return
    metrics.gauge(
        "feria_cluster_members",
        "Other members, by the state this node sees them in.",
        lambda: Counter(peer.state.name for peer in swim.peers.values()),
        "state",
    )
    metrics.gauge(
        "feria_cluster_behind",
        "Writes that a member has not said to have.",
        lambda: {id: lag.behind for id, lag in member.figures.lags.items() if id != member.id},
        "member",
    )
    metrics.gauge(
        "feria_cluster_doubt", "How slow this node takes itself to be, 0 to 8.", lambda: swim.view.doubt
    )
    metrics.gauge("feria_cluster_connections", "Connections with other nodes.", lambda: network.connections)
    metrics.counter(
        "feria_cluster_bytes_in",
        "From members, in bytes.",
        lambda: sum(traffic.bytes_in for traffic in network.traffic.values()),
    )
    metrics.counter(
        "feria_cluster_bytes_out",
        "To members, in bytes.",
        lambda: sum(traffic.bytes_out for traffic in network.traffic.values()),
    )
    metrics.counter(
        "feria_cluster_dropped",
        "Messages that were not sent.",
        lambda: sum(traffic.dropped for traffic in network.traffic.values()),
    )
    metrics.counter(
        "feria_cluster_refusals",
        "Connections of other nodes that were closed.",
        lambda: {**network.refusals.counts},
        "reason",
    )
    metrics.counter(
        "feria_cluster_unread",
        "Messages of members that were dropped.",
        lambda: dict(member.unread),
        "reason",
    )
    metrics.counter(
        "feria_cluster_resets", "Times the node took over another's state.", lambda: member.figures.resets
    )

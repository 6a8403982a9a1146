"""What one can ask of a node's cluster."""

from feria.client.answers import Parsed
from feria.client.calls.call import MINUTE, Call
from feria.cluster.wire import ClusterStatus, LeftCluster


def cluster() -> Call[ClusterStatus]:
    """Who is in the node's cluster, and how far everybody is, as that node sees it."""
    return Call(method="GET", path="/v1/cluster", reader=lambda: Parsed(ClusterStatus.model_validate_json))


def leave_cluster() -> Call[LeftCluster]:
    """Have the node leave its cluster for good, once another member has all that is there.

    Raises `Conflict` where it is in none, `Unavailable` when nobody takes it.
    """
    return Call(
        method="POST",
        path="/v1/cluster/leave",
        reader=lambda: Parsed(LeftCluster.model_validate_json),
        seconds=2 * MINUTE,
        repeatable=False,
    )

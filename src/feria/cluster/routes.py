"""A node's cluster over HTTP: who is in it, and leaving it."""

from fastapi import APIRouter

from feria.access.needs import needs
from feria.access.wire import Permission
from feria.cluster.holdings import Holdings
from feria.cluster.member import Member
from feria.cluster.status import status
from feria.cluster.wire import ClusterStatus, LeftCluster
from feria.web.parts import Part

router = APIRouter(tags=["cluster"])


@router.get("/v1/cluster", dependencies=[needs(Permission.watch)])
async def show_cluster(member: Part[Member], holdings: Part[Holdings]) -> ClusterStatus:
    """Who is in the cluster, how far everybody is behind, and what passes between the nodes; as this node
    sees it."""
    return await status(member, holdings)


@router.post("/v1/cluster/leave", dependencies=[needs(Permission.administer)])
async def leave_cluster(member: Part[Member]) -> LeftCluster:
    """Have this node leave for good. Answers once another member has all that is here. The node goes on
    alone; started again it joins again."""
    others = tuple(sorted(member.live()))
    await member.leave()
    return LeftCluster(id=member.id, handed_over_to=others)

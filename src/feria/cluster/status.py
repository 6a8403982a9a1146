"""What a member knows of its cluster, put together for people."""

from datetime import datetime, timedelta

from feria.cluster import members
from feria.cluster.figures import Figures
from feria.cluster.holdings import Holdings
from feria.cluster.member import Member
from feria.cluster.members import Peer
from feria.cluster.network import Traffic
from feria.cluster.roster import Seat, State
from feria.cluster.wire import ClusterMember, ClusterStatus, MemberHealth, MemberState, Secured

NOTHING = Traffic()
STATES: dict[members.State, MemberState] = {
    members.State.alive: "alive",
    members.State.suspect: "suspect",
    members.State.dead: "dead",
    members.State.left: "left",
}


async def status(member: Member, holdings: Holdings) -> ClusterStatus:
    """Raises `Busy`, `Unavailable`."""
    found = await member.look()
    keys, tombstones = await member.counts()
    network, swim = member.network, member.swim
    return ClusterStatus(
        cluster=member.settings.id,
        id=member.id,
        address=None if network is None else network.address,
        state="left" if member.has_left else "alone" if network is None else "member",
        bootstrapping=member.store.bootstrapping,
        secured=_secured(member),
        members=tuple(_members(member, found, holdings.counts())),
        files=holdings.counts().get(member.id, 0),
        keys=keys,
        tombstones=tombstones,
        origins=found.origins,
        commits=found.commits,
        resets=found.resets,
        doubt=0 if swim is None else swim.view.doubt,
        refusals={} if network is None else {**network.refusals.counts},
        unread=dict(member.unread),
        clocks_ahead=found.distrusted_clocks,
    )


def _secured(member: Member) -> Secured:
    key, tls = member.settings.key_file is not None, member.settings.certificate is not None
    return "key and tls" if key and tls else "tls" if tls else "key" if key else "no"


def _members(member: Member, found: Figures, files: dict[str, int]) -> list[ClusterMember]:
    peers = {} if member.swim is None else member.swim.peers
    ids = sorted({*peers, *found.seats} - {member.id})
    return [_member(member, found, id, peers.get(id), found.seats.get(id), files.get(id, 0)) for id in ids]


def _member(
    member: Member, found: Figures, id: str, peer: Peer | None, seat: Seat | None, files: int
) -> ClusterMember:
    known = peer.address if peer is not None else seat.address if seat is not None else ""
    traffic = NOTHING if member.network is None else member.network.traffic.get(known, NOTHING)
    lag, health = found.lags.get(id), None if peer is None else peer.health
    return ClusterMember(
        id=id,
        address=known,
        url=(peer.news.url or None) if peer is not None else None,
        state=_state(peer, seat),
        since=_wall(member, peer.since) if peer is not None else seat.since if seat is not None else None,
        heard=_wall(member, None if peer is None else peer.heard),
        incarnation=None if peer is None else peer.news.incarnation,
        behind=None if lag is None else lag.behind,
        ahead=None if lag is None else lag.ahead,
        bytes_in=traffic.bytes_in,
        bytes_out=traffic.bytes_out,
        dropped=traffic.dropped,
        files=files,
        health=None
        if health is None
        else MemberHealth(load=health.load, queue=health.queue, models=health.models),
    )


def _state(peer: Peer | None, seat: Seat | None) -> MemberState:
    """What was seen, and where it was not, what the roster says."""
    if seat is not None and seat.state is State.expelled and (peer is None or not peer.state.live):
        return "expelled"
    if peer is not None:
        return STATES[peer.state]
    return "left" if seat is not None and seat.state is State.left else "unseen"


def _wall(member: Member, moment: float | None) -> datetime | None:
    """Of the monotonic clock."""
    if moment is None:
        return None
    return member.clock.now() - timedelta(seconds=member.clock.monotonic() - moment)

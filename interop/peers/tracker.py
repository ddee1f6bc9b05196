"""A bootstrap server: introduces peers of any community id to each other."""
from __future__ import annotations

import peerlib  # noqa: I001 (first: it empties the address providers)

import random
import time
from collections import OrderedDict

from ipv8.community import Community, CommunitySettings
from ipv8.messaging.interfaces.udp.endpoint import UDPv4Address, UDPv4LANAddress
from ipv8.messaging.payload import IntroductionRequestPayload, IntroductionResponsePayload
from ipv8.peer import Peer
from ipv8.peerdiscovery.network import Network

MAX_COMMUNITIES = 1000
"""Community ids kept at once: the one that was asked for longest ago goes first."""
PING_TIMEOUT = 5.0
"""Seconds a listed peer has to answer a ping."""


class Listed:
    """A peer on the list of one community."""

    def __init__(self, peer: Peer) -> None:
        """Heard of just now."""
        self.peer = peer
        self.heard = time.monotonic()
        self.pinged: float | None = None


class Tracker(Community):
    """
    Answers old-style introduction requests for any community, with the prefix of the request.

    Its own community id is random: nothing is ever sent with it.
    """

    community_id = random.randbytes(20)

    def __init__(self, settings: CommunitySettings, peer_limit: int, ping_interval: float) -> None:
        """Listen to every packet instead of to one prefix."""
        super().__init__(settings)
        self.endpoint.remove_listener(self)
        self.endpoint.add_listener(self)
        self.peer_limit = peer_limit
        self.ping_interval = ping_interval
        self.lists: OrderedDict[bytes, OrderedDict[bytes, Listed]] = OrderedDict()
        self.register_task("ping", self.ping_silent, interval=min(1.0, ping_interval / 2))

    def on_packet(self, packet: tuple, warn_unknown: bool = True) -> None:
        """Pick the two messages that concern a tracker and drop everything else."""
        source, data = packet
        if len(data) < 23 or data[:2] != b"\x00\x02":
            return
        try:
            if data[22] == IntroductionRequestPayload.msg_id:
                self.on_request(source, data)
            elif data[22] == IntroductionResponsePayload.msg_id:
                self.on_response(source, data)
        except Exception as error:  # noqa: BLE001 (whatever a stranger sent)
            self.logger.warning("Dropped a packet of %s: %s", peerlib.show(source), error)

    def on_request(self, source: UDPv4Address, data: bytes) -> None:
        """List the asker and answer, with a random other peer of its community if there is one."""
        auth, _, payload = self._ez_unpack_auth(IntroductionRequestPayload, data)
        community = data[2:22]
        listed = self.list_peer(community, auth.public_key_bin, source, payload)
        others = [other.peer for other in self.lists[community].values() if other is not listed]
        introduced = random.choice(others) if others else None
        response = self.create_introduction_response(payload.destination_address, source, payload.identifier,
                                                     introduction=introduced, prefix=data[:22])
        self.endpoint.send(source, response)
        if introduced:
            peerlib.emit("introduced", mid=introduced.mid.hex(), to=listed.peer.mid.hex())

    def on_response(self, source: UDPv4Address, data: bytes) -> None:
        """Note that a pinged peer is alive; take it off the list if it says that it is full."""
        auth, _, payload = self._ez_unpack_auth(IntroductionResponsePayload, data)
        community = data[2:22]
        mid = Peer(auth.public_key_bin).mid
        listed = self.lists.get(community, {}).get(mid)
        if listed is None or listed.peer.address != source or listed.pinged is None:
            return
        if payload.peer_limit_reached:
            self.unlist(community, mid, "full")
        else:
            listed.heard = time.monotonic()
            listed.pinged = None

    def list_peer(self, community: bytes, key: bytes, source: UDPv4Address,
                  payload: IntroductionRequestPayload) -> Listed:
        """Put a peer on the newest end of its community's list, pushing the oldest one off a full list."""
        members = self.lists.setdefault(community, OrderedDict())
        self.lists.move_to_end(community)
        if len(self.lists) > MAX_COMMUNITIES:
            self.lists.popitem(last=False)
        peer = Peer(key, source)
        peer.address = UDPv4LANAddress(*payload.source_lan_address)
        peer.new_style_intro = payload.supports_new_style
        known = members.pop(peer.mid, None)
        members[peer.mid] = listed = Listed(peer)
        if known is None:
            peerlib.emit("peer", mid=peer.mid.hex(), address=peerlib.show(source), community=community.hex())
        if len(members) > self.peer_limit:
            self.unlist(community, next(iter(members)), "oldest")
        return listed

    def unlist(self, community: bytes, mid: bytes, reason: str) -> None:
        """Forget a peer."""
        del self.lists[community][mid]
        peerlib.emit("removed", mid=mid.hex(), community=community.hex(), reason=reason)

    def ping_silent(self) -> None:
        """Ask silent peers for a sign of life; forget those that gave none in time."""
        now = time.monotonic()
        for community, members in self.lists.items():
            for mid, listed in list(members.items()):
                if listed.pinged is None:
                    if now - listed.heard >= self.ping_interval:
                        listed.pinged = now
                        request = self.create_introduction_request(listed.peer.address,
                                                                   prefix=b"\x00\x02" + community)
                        self.endpoint.send(listed.peer.address, request)
                elif now - listed.pinged >= PING_TIMEOUT:
                    self.unlist(community, mid, "silent")


async def main() -> None:
    """Read the flags, run the tracker."""
    # Trackers of the reference sign with this weakest of curves.
    parser = peerlib.arguments(__doc__, "very-low")
    parser.add_argument("--peer-limit", type=int, default=100, metavar="N",
                        help="peers kept for each community id, the newest ones (default: %(default)s)")
    parser.add_argument("--ping-interval", type=float, default=25.0, metavar="S",
                        help="ping a peer that was silent this long (default: %(default)s)")
    args = parser.parse_args()
    if args.peer_limit < 1 or args.ping_interval <= 0:
        parser.error("--peer-limit and --ping-interval have to be positive")

    endpoint = await peerlib.open_endpoint(args.listen)
    # Without a limit of its own the tracker never calls itself full.
    settings = CommunitySettings(my_peer=Peer(peerlib.private_key(args.key, args.curve)), endpoint=endpoint,
                                 network=Network(), max_peers=-1)
    tracker = Tracker(settings, args.peer_limit, args.ping_interval)
    await peerlib.serve(tracker, args.seconds, peerlib.show(endpoint.get_address()))


if __name__ == "__main__":
    peerlib.run(main)

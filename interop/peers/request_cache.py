"""One node that counts to ten by asking others, with the reference's request cache, and counts for them."""
from __future__ import annotations

import argparse

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.bootstrapping.dispersy.bootstrapper import DispersyBootstrapper
from ipv8.community import Community, CommunitySettings
from ipv8.lazy_community import lazy_wrapper, retrieve_cache
from ipv8.messaging.lazy_payload import VariablePayload, vp_compile
from ipv8.peer import Peer
from ipv8.peerdiscovery.discovery import RandomWalk
from ipv8.peerdiscovery.network import Network, PeerObserver
from ipv8.requestcache import RandomNumberCache, RequestCache

GOAL = 10


@vp_compile
class CountRequest(VariablePayload):
    """Asks for the number after a value."""

    msg_id = 1
    format_list = ["I", "I"]
    names = ["value", "identifier"]


@vp_compile
class CountResponse(VariablePayload):
    """The number after the request's."""

    msg_id = 2
    format_list = ["I", "I"]
    names = ["value", "identifier"]


class Counted(RandomNumberCache):
    """How far we have come, while an answer is waited for."""

    name = "counted"

    def __init__(self, community: CountingCommunity, value: int) -> None:
        """Remember a value."""
        super().__init__(community.request_cache, self.name)
        self.community = community
        self.value = value

    @property
    def timeout_delay(self) -> float:
        """One second: tests are not to wait for long."""
        return 1.0

    def on_timeout(self) -> None:
        """Tell that nobody answered, and ask again."""
        peerlib.emit("timeout", value=self.value)
        self.community.ask(self.value)


class CountingSettings(CommunitySettings):
    """What the command line decides."""

    silent: bool = False
    replay: bool = True


class CountingCommunity(Community, PeerObserver):
    """Asks everyone for the next number, until the goal is reached."""

    settings_class = CountingSettings

    def __init__(self, settings: CountingSettings) -> None:
        """Handle both messages."""
        super().__init__(settings)
        self.silent = settings.silent
        self.copies = 2 if settings.replay else 1
        self.request_cache = RequestCache()
        self.network.add_peer_observer(self)
        self.begun = False
        self.add_message_handler(CountRequest, self.on_count_request)
        self.add_message_handler(CountResponse, self.on_count_response)

    async def unload(self) -> None:
        """End the caches first."""
        await self.request_cache.shutdown()
        await super().unload()

    def begin(self) -> None:
        """Ask as soon as somebody is there."""
        if not self.silent and not self.begun and self.get_peers():
            self.begun = True
            self.ask(0)

    def ask(self, value: int) -> None:
        """Ask everyone for the number after a value."""
        cache = self.request_cache.add(Counted(self, value))
        if cache is None:
            return
        for peer in self.get_peers():
            for _ in range(self.copies):
                self.ez_send(peer, CountRequest(cache.value, cache.number))

    @lazy_wrapper(CountRequest)
    def on_count_request(self, peer: Peer, payload: CountRequest) -> None:
        """Count for somebody else, unless we are a peer that never answers."""
        peerlib.emit("asked", mid=peer.mid.hex(), value=payload.value, identifier=payload.identifier)
        if not self.silent:
            self.ez_send(peer, CountResponse(payload.value + 1, payload.identifier))

    @lazy_wrapper(CountResponse)
    @retrieve_cache(Counted)
    def on_count_response(self, peer: Peer, payload: CountResponse, cache: Counted) -> None:
        """Go on from an answer that has its cache."""
        peerlib.emit("message", mid=peer.mid.hex(), value=payload.value, was=cache.value)
        if payload.value == GOAL:
            peerlib.emit("done", value=GOAL)
        else:
            self.ask(payload.value)

    def on_peer_added(self, peer: Peer) -> None:
        """Tell that a peer was verified."""
        peerlib.emit("peer", mid=peer.mid.hex(), address=peerlib.show(peer.address))

    def on_peer_removed(self, peer: Peer) -> None:
        """Tell that a peer was dropped."""
        peerlib.emit("removed", mid=peer.mid.hex())


def arguments() -> argparse.Namespace:
    """Read the flags."""
    parser = peerlib.arguments(__doc__, "medium")
    parser.add_argument("--bootstrap", type=peerlib.address, nargs="+", action="extend", default=[], metavar="IP:PORT",
                        help="nodes or trackers to find the first peers through")
    parser.add_argument("--community", type=peerlib.community_id, required=True, metavar="HEX40")
    parser.add_argument("--silent", action="store_true", help="never ask and never answer")
    parser.add_argument("--no-replay", action="store_true", help="send each request once instead of twice")
    return parser.parse_args()


async def main() -> None:
    """Run the node."""
    args = arguments()
    key = peerlib.private_key(args.key, args.curve)
    endpoint = await peerlib.open_endpoint(args.listen)
    CountingCommunity.community_id = args.community
    settings = CountingSettings(my_peer=Peer(key), endpoint=endpoint, network=Network(), max_peers=30)
    settings.silent = args.silent
    settings.replay = not args.no_replay
    community = CountingCommunity(settings)
    community.my_estimated_lan = community.my_estimated_wan = endpoint.get_address()
    community.bootstrappers = [DispersyBootstrapper(ip_addresses=args.bootstrap, dns_addresses=[])]
    walk = RandomWalk(community)
    community.register_task("walk", walk.take_step, interval=0.5, delay=0.0)
    community.register_task("begin", community.begin, interval=0.1)
    await peerlib.serve(community, args.seconds, peerlib.show(endpoint.get_address()))


if __name__ == "__main__":
    peerlib.run(main)

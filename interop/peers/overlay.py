"""One node with the Lamport clock community of the overlay tutorial."""
from __future__ import annotations

import argparse
import base64

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.community import Community, CommunitySettings
from ipv8.configuration import Bootstrapper, BootstrapperDefinition, ConfigBuilder, Strategy, WalkerDefinition
from ipv8.lazy_community import lazy_wrapper
from ipv8.messaging.lazy_payload import VariablePayload, vp_compile
from ipv8.messaging.interfaces.udp.endpoint import UDPv6Address
from ipv8.peer import Peer
from ipv8.peerdiscovery.network import PeerObserver
from ipv8_service import IPv8


@vp_compile
class Clock(VariablePayload):
    """The only message: the sender's clock."""

    msg_id = 1
    format_list = ["I"]
    names = ["clock"]


class LamportSettings(CommunitySettings):
    """What the command line decides."""

    pause: float = 0.0
    greet: float = 5.0


class Mended(Community):
    """
    A community that can walk from an IPv6 socket alone.

    The reference makes an address of all four parts that the name of such a socket has, which fails (in every
    introduction request; with an IPv4 socket beside it, it never comes that far).
    """

    def get_ipv6_address(self) -> tuple:
        """The first two parts."""
        return super().get_ipv6_address()[:2]


class IdleCommunity(Community):
    """A community that only is there."""

    community_id = bytes(20)


class LamportCommunity(Mended, PeerObserver):
    """Counts with everyone: the tutorial's community, with events instead of prints."""

    settings_class = LamportSettings

    def __init__(self, settings: LamportSettings) -> None:
        """Start at zero."""
        super().__init__(settings)
        self.clock = 0
        self.pause = settings.pause
        self.greet_interval = settings.greet
        self.network.add_peer_observer(self)
        self.told = {}
        self.add_message_handler(Clock, self.on_clock)

    def started(self) -> None:
        """Begin to greet, until somebody has greeted us."""
        self.register_task("greet", self.greet, interval=self.greet_interval, delay=0)
        self.register_task("look", self.look, interval=0.2)

    async def greet(self) -> None:
        """Send our clock to everyone, as long as it has not moved."""
        if self.clock:
            self.cancel_pending_task("greet")
            return
        for peer in self.get_peers():
            self.ez_send(peer, Clock(self.clock))

    def look(self) -> None:
        """Tell what is new about peers: the communities that they are in, and whether they ever answered a ping."""
        for peer in list(self.network.verified_peers):
            communities = sorted(service.hex() for service in self.network.get_services_for_peer(peer))
            known = {"communities": communities, "pinged": len(peer.pings) > 0}
            if self.told.get(peer.mid) != known:
                self.told[peer.mid] = known
                peerlib.emit("known", mid=peer.mid.hex(), **known)

    @lazy_wrapper(Clock)
    def on_clock(self, peer: Peer, payload: Clock) -> None:
        """Move our clock past the sender's and tell the sender."""
        self.clock = max(self.clock, payload.clock) + 1
        peerlib.emit("message", mid=peer.mid.hex(), clock=self.clock)
        if self.pause:
            self.register_anonymous_task("answer", self.answer, peer, delay=self.pause)
        else:
            self.answer(peer)

    def answer(self, peer: Peer) -> None:
        """Send our clock as it is now."""
        self.ez_send(peer, Clock(self.clock))

    def on_peer_added(self, peer: Peer) -> None:
        """Tell that a peer was verified."""
        peerlib.emit("peer", mid=peer.mid.hex(), address=peerlib.show(peer.address))

    def on_peer_removed(self, peer: Peer) -> None:
        """Tell that a peer was dropped."""
        peerlib.emit("removed", mid=peer.mid.hex())


def arguments() -> argparse.Namespace:
    """Read the flags."""
    parser = peerlib.arguments(__doc__, "medium", peerlib.any_address)
    parser.add_argument("--also-listen", type=peerlib.any_address, metavar="[IP]:PORT",
                        help="a second address to listen at, IPv6 beside an IPv4 one")
    parser.add_argument("--bootstrap", type=peerlib.any_address, nargs="+", action="extend", default=[],
                        metavar="IP:PORT", help="nodes or trackers to find the first peers through")
    parser.add_argument("--bootstrap-timeout", type=float, default=30.0, metavar="S",
                        help="least seconds between two visits to them (default: the reference's %(default)s)")
    parser.add_argument("--community", type=peerlib.community_id, required=True, metavar="HEX40")
    parser.add_argument("--target", type=int, default=10, metavar="N", help="peers to look for (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=0.02, metavar="S",
                        help="wait before each answer; 0 counts as fast as it can, as the tutorial (default: %(default)s)")
    parser.add_argument("--greet", type=float, default=5.0, metavar="S",
                        help="greet everyone this often until the clock moves (default: the tutorial's %(default)s)")
    parser.add_argument("--discovery", action="store_true",
                        help="run the DiscoveryCommunity too, with all its strategies")
    parser.add_argument("--churn", type=seconds, default=(10.0, 27.5, 57.5), metavar="S,S,S",
                        help="seconds between pings, of silence before one, and of silence before a peer is dropped "
                             "(by the DiscoveryCommunity; default: the reference's 10,27.5,57.5)")
    parser.add_argument("--idle", type=peerlib.community_id, metavar="HEX40",
                        help="be in this community too, under a key of its own, without looking for anybody")
    parser.add_argument("--load-snapshot", metavar="FILE", help="start from the addresses in this file")
    parser.add_argument("--save-snapshot", metavar="FILE", help="write those of all peers to this file in the end")
    return parser.parse_args()


def seconds(text: str) -> tuple[float, ...]:
    """Read three numbers with commas between them."""
    numbers = tuple(float(part) for part in text.split(","))
    if len(numbers) != 3:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers")
    return numbers


def interface(listen: peerlib.SocketAddress) -> dict:
    """The configuration of one socket."""
    kind = "UDPIPv6" if isinstance(listen, UDPv6Address) else "UDPIPv4"
    return {"interface": kind, "ip": listen[0], "port": listen[1]}


async def main() -> None:
    """Run the node."""
    args = arguments()
    LamportCommunity.community_id = args.community
    key = peerlib.private_key(args.key, args.curve)
    builder = ConfigBuilder().clear_keys().clear_overlays().set_log_level("WARNING")
    builder.add_key_from_bin("me", base64.b64encode(key.key_to_bin()).decode())
    bootstrapper = BootstrapperDefinition(Bootstrapper.DispersyBootstrapper,
                                          {"ip_addresses": [], "dns_addresses": [],
                                           "bootstrap_timeout": args.bootstrap_timeout})
    walk = WalkerDefinition(Strategy.RandomWalk, args.target, {"timeout": 3.0})
    builder.add_overlay("LamportCommunity", "me", [walk], [bootstrapper],
                        {"pause": args.pause, "greet": args.greet}, [])
    if args.discovery:
        ping, inactive, drop = args.churn
        churn = {"sample_size": 8, "ping_interval": ping, "inactive_time": inactive, "drop_time": drop}
        builder.add_overlay("DiscoveryCommunity", "me",
                            [walk, WalkerDefinition(Strategy.RandomChurn, -1, churn),
                             WalkerDefinition(Strategy.PeriodicSimilarity, -1, {})], [bootstrapper], {}, [])
    if args.idle:
        IdleCommunity.community_id = args.idle
        idle_key = peerlib.private_key(None, args.curve)
        peerlib.emit("idle", mid=idle_key.pub().key_to_hash().hex())
        builder.add_key_from_bin("idle", base64.b64encode(idle_key.key_to_bin()).decode())
        builder.add_overlay("IdleCommunity", "idle", [], [], {}, [])
    configuration = builder.finalize()
    wanted = [address for address in (args.listen, args.also_listen) if address]
    configuration["interfaces"] = [interface(address) for address in wanted]
    ipv8 = IPv8(configuration, extra_communities={"LamportCommunity": LamportCommunity, "IdleCommunity": IdleCommunity})
    overlay = ipv8.overlays[0]
    # The configuration knows IPv4 addresses only.
    for walking in ipv8.overlays[:2 if args.discovery else 1]:
        walking.bootstrappers[0].ip_addresses = args.bootstrap
    await ipv8.endpoint.open()
    listen = [peerlib.check_port(ipv8.endpoint.interfaces[interface(address)["interface"]], address)
              for address in wanted]
    peerlib.emit("started", listen=listen[0] if len(listen) == 1 else listen, mid=overlay.my_peer.mid.hex())
    await ipv8.start()
    overlay.started()
    if args.load_snapshot:
        with open(args.load_snapshot, "rb") as stream:
            overlay.network.load_snapshot(stream.read())
        # No walk of the reference takes an address that nobody introduced.
        for address in overlay.network.get_walkable_addresses():
            overlay.walk_to(address)
    await peerlib.until_end(args.seconds)
    if args.save_snapshot:
        with open(args.save_snapshot, "wb") as stream:
            stream.write(overlay.network.snapshot())
    await ipv8.stop()


if __name__ == "__main__":
    peerlib.run(main)

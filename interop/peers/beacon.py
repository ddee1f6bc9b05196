"""One node that finds its first peers by the reference's own beacons, on loopback only."""
from __future__ import annotations

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.bootstrapping.udpbroadcast.bootstrapper import BroadcastBootstrapEndpoint, UDPBroadcastBootstrapper
from ipv8.community import Community, CommunitySettings
from ipv8.peer import Peer
from ipv8.peerdiscovery.network import Network, PeerObserver

LOOPBACK = "127.255.255.255"
send = BroadcastBootstrapEndpoint.send


class Watched(Community, PeerObserver):
    """A community that tells of its peers."""

    def on_peer_added(self, peer: Peer) -> None:
        """Tell that a peer was verified."""
        peerlib.emit("peer", mid=peer.mid.hex(), address=peerlib.show(peer.address))

    def on_peer_removed(self, peer: Peer) -> None:
        """Part of the interface."""


async def main() -> None:
    """Run the node."""
    parser = peerlib.arguments(__doc__, "curve25519")
    parser.add_argument("--community", type=peerlib.community_id, required=True, metavar="HEX40")
    parser.add_argument("--silent", action="store_true", help="hear beacons, but send none")
    args = parser.parse_args()
    # The reference broadcasts to all of the network that the machine is in; here nothing may leave the machine.
    BroadcastBootstrapEndpoint.send = lambda self, to, data: None if args.silent else send(self, (LOOPBACK, to[1]), data)
    Watched.community_id = args.community
    endpoint = await peerlib.open_endpoint(args.listen)
    peer = Peer(peerlib.private_key(args.key, args.curve))
    overlay = Watched(CommunitySettings(my_peer=peer, endpoint=endpoint, network=Network()))
    overlay.network.add_peer_observer(overlay)
    bootstrapper = UDPBroadcastBootstrapper()
    overlay.bootstrappers.append(bootstrapper)
    await bootstrapper.initialize(overlay)
    await peerlib.serve(overlay, args.seconds, peerlib.show(endpoint.get_address()))


if __name__ == "__main__":
    peerlib.run(main)

"""A node that a configuration dictionary describes, as `json.dumps` writes it: what a program of the reference runs."""
from __future__ import annotations

import argparse
import json

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.peer import Peer
from ipv8.peerdiscovery.network import PeerObserver
from ipv8_service import IPv8


class Observer(PeerObserver):
    """Tells which peers come."""

    def on_peer_added(self, peer: Peer) -> None:
        """Tell of a new one."""
        peerlib.emit("peer", mid=peer.mid.hex(), address=peerlib.show(peer.address))

    def on_peer_removed(self, peer: Peer) -> None:
        """Say nothing of one that went."""


async def main() -> None:
    """Run the node until the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the dictionary; its interfaces must be on loopback")
    parser.add_argument("--seconds", type=float, default=120.0, metavar="S")
    args = parser.parse_args()
    with open(args.file, encoding="utf-8") as stream:
        configuration = json.load(stream)
    for interface in configuration["interfaces"]:
        peerlib.address(f"{interface['ip']}:{interface['port']}")
    service = IPv8(configuration)
    service.network.add_peer_observer(Observer())
    await service.start()
    overlay = service.overlays[0]
    peerlib.emit("started", listen=peerlib.show(service.endpoint.get_address()), mid=overlay.my_peer.mid.hex())
    await peerlib.until_end(args.seconds)
    await service.stop()


if __name__ == "__main__":
    peerlib.run(main)

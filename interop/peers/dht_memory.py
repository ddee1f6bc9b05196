"""What nodes of the reference's DHT hold: the reference's side of `bench/examples/dht_memory.rs`."""
from __future__ import annotations

import argparse
import asyncio
import hashlib
import random

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.community import CommunitySettings
from ipv8.dht.community import DHTCommunity
from ipv8.dht.routing import Node
from ipv8.keyvault.crypto import default_eccrypto
from ipv8.messaging.interfaces.udp.endpoint import UDPEndpoint, UDPv4Address
from ipv8.peer import Peer
from ipv8.peerdiscovery.network import Network


def resident() -> int:
    """Bytes of memory that the process holds."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def overlay(number: int) -> DHTCommunity:
    """A node whose endpoint is not open."""
    key = default_eccrypto.generate_key("curve25519")
    settings = CommunitySettings(my_peer=Peer(key), endpoint=UDPEndpoint(), network=Network())
    one = DHTCommunity(settings)
    one.my_estimated_wan = UDPv4Address(f"11.0.{number >> 8}.{number & 255}", 8090)
    return one


async def main() -> None:
    """Read the flags, fill the nodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--met", type=int, default=5_000)
    parser.add_argument("--values", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=170)
    args = parser.parse_args()
    drawn = random.Random(1)
    strangers = [(default_eccrypto.generate_key("curve25519").pub().key_to_bin(),
                  UDPv4Address(f"{drawn.randrange(11, 100)}.{drawn.randrange(256)}.{drawn.randrange(256)}.1", 8090))
                 for _ in range(args.met)]

    before = resident()
    nodes = [overlay(number) for number in range(args.nodes)]
    peerlib.emit("empty", bytes=(resident() - before) // args.nodes)

    before = resident()
    known = 0
    for one in nodes:
        for key, where in strangers:
            node = Node(key, where)
            table = one.get_routing_table(node)
            table.add(node)
        known += sum(len(bucket.nodes) for bucket in table.trie.values())
    peerlib.emit("table", bytes=(resident() - before) // args.nodes, known=known / args.nodes)

    before = resident()
    for one in nodes:
        storage = one.get_storage(node)
        for number in range(args.values):
            value = b"\0" + bytes([7]) * (args.size - 1)
            name = hashlib.sha512(number.to_bytes(4, "big")).digest()[:20]
            storage.put(name, value, id_=name, max_age=3600)
    peerlib.emit("values", bytes=(resident() - before) // args.nodes, values=args.values)
    peerlib.os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())

"""Nodes of the reference's DHT on loopback, driven line by line: each request is a line of JSON, and so is each answer."""
from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.community import CommunitySettings
from ipv8.dht import DHTError
from ipv8.dht.churn import PingChurn
from ipv8.dht.community import DHTCommunity
from ipv8.dht.discovery import DHTDiscoveryCommunity
from ipv8.peer import Peer
from ipv8.peerdiscovery.discovery import RandomWalk
from ipv8.peerdiscovery.network import Network


async def node(args: argparse.Namespace, listen: tuple, key_file: str | None) -> DHTCommunity:
    """One node on an endpoint of its own."""
    key = peerlib.private_key(key_file, args.curve)
    endpoint = await peerlib.open_endpoint(listen)
    settings = CommunitySettings(my_peer=Peer(key), endpoint=endpoint, network=Network(), max_peers=-1)
    overlay = (DHTDiscoveryCommunity if args.peers else DHTCommunity)(settings)
    if not peerlib.ISOLATED:
        overlay.my_estimated_lan = overlay.my_estimated_wan = endpoint.get_address()
    churn = PingChurn(overlay)
    overlay.register_task("churn", churn.take_step, interval=0.5)
    walk = RandomWalk(overlay)

    def step() -> None:
        if not overlay.get_peers():
            for contact in args.contact:
                overlay.walk_to(contact)
        if args.target < 0 or len(overlay.get_peers()) < args.target:
            walk.take_step()

    overlay.register_task("walk", step, interval=0.5)
    # A minute after its start each node would search 24 buckets at once.
    overlay.cancel_pending_task("node_maintenance")
    return overlay


async def answer(nodes: list[DHTCommunity], request: dict) -> dict:
    """Do what is asked of one of the nodes."""
    overlay = nodes[request.get("node", 0)]
    key = bytes.fromhex(request.get("key", ""))
    started = time.perf_counter()
    try:
        if request["do"] == "walk":
            overlay.walk_to(peerlib.address(request["to"]))
            result = {}
        elif request["do"] == "known":
            result = {"nodes": [sum(len(bucket.nodes) for table in one.routing_tables.values()
                                    for bucket in table.trie.values()) for one in nodes]}
        elif request["do"] == "store":
            stored = await overlay.store_value(key, bytes.fromhex(request["data"]), sign=request["sign"])
            result = {"stored": len(stored)}
        elif request["do"] == "find":
            found = await overlay.find_values(key)
            result = {"values": [{"data": data.hex(), "key": signer and signer.hex()} for data, signer in found]}
        elif request["do"] == "store-peer":
            # Unasked it is done every 30 seconds.
            await asyncio.gather(*(one.store_peer() for one in nodes))
            result = {"nodes": [len(one.store_for_me[one.my_peer.mid]) for one in nodes]}
        elif request["do"] == "connect":
            found = await overlay.connect_peer(key)
            # It returns what it was told, dead or alive.
            alive = await asyncio.gather(*(overlay.ping(peer) for peer in found)) if request.get("ping") else found
            result = {"peers": [{"mid": peer.mid.hex(), "address": peerlib.show(peer.address)}
                                for peer in alive if peer]}
        else:
            result = {"error": f"no request {request['do']!r}"}
    except DHTError as error:
        result = {"error": str(error)}
    return {"event": "answer", "id": request.get("id"), "seconds": time.perf_counter() - started, **result}


async def main() -> None:
    """Run the nodes until the input ends."""
    parser = peerlib.arguments(__doc__, "curve25519")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--contact", type=peerlib.address, nargs="+", default=[], metavar="IP:PORT",
                        help="nodes to walk to while there are no peers")
    parser.add_argument("--target", type=int, default=-1, help="peers to look for (default: without end)")
    parser.add_argument("--peers", action="store_true", help="find peers too, and be found")
    args = parser.parse_args()
    nodes = [await node(args, args.listen, args.key)]
    for _ in range(args.nodes - 1):
        nodes.append(await node(args, peerlib.UDPv4Address("127.0.0.1", 0), None))
        nodes[-1].walk_to(nodes[0].endpoint.get_address())
    peerlib.emit("started", listen=peerlib.show(nodes[0].endpoint.get_address()), mid=nodes[0].my_peer.mid.hex(),
                 all=[{"listen": peerlib.show(one.endpoint.get_address()), "mid": one.my_peer.mid.hex(),
                       "key": one.my_peer.public_key.key_to_bin().hex()} for one in nodes])
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()

    async def serve(line: bytes) -> None:
        peerlib.emit(**await answer(nodes, json.loads(line)))

    async def read() -> None:
        while line := await reader.readline():
            tasks.add(task := asyncio.create_task(serve(line)))
            task.add_done_callback(tasks.discard)

    reading = asyncio.create_task(read())
    ending = asyncio.create_task(peerlib.until_end(args.seconds))
    await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
    for overlay in nodes:
        await overlay.unload()
        overlay.endpoint.close()


if __name__ == "__main__":
    peerlib.run(main)

"""Many nodes of the DHT in one process, on loopback, and what operations cost: the reference's side of `cargo xtask bench dht`."""
from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import sys
import time
from collections.abc import Awaitable, Callable

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.configuration import ConfigBuilder, Strategy, WalkerDefinition
from ipv8.dht import DHTError, community, routing
from ipv8.dht.discovery import DHTDiscoveryCommunity
from ipv8_service import IPv8

LOOK = 0.1

counted = {"timeouts": 0, "dropped": 0, "questions": 0}


def count() -> None:
    """Count what the reference does not: questions, those that were waited for in vain, and those that the limit drops."""
    made, timed_out = community.Request.__init__, community.Request.on_timeout
    requesting = community.DHTCommunity.get_requesting_node

    def counting_init(self: community.Request, *args: object, **kwargs: object) -> None:
        counted["questions"] += 1
        made(self, *args, **kwargs)

    def counting_timeout(self: community.Request) -> None:
        counted["timeouts"] += not self.future.done()
        timed_out(self)

    def counting_requesting(self: community.DHTCommunity, peer: object) -> routing.Node | None:
        node = requesting(self, peer)
        counted["dropped"] += node is None
        return node

    community.Request.__init__ = counting_init
    community.Request.on_timeout = counting_timeout
    community.DHTCommunity.get_requesting_node = counting_requesting


def drawn(seed: int, what: str, number: int) -> bytes:
    """64 bytes, the same as in ours."""
    return hashlib.sha512(f"{seed} {what} {number}".encode()).digest()


class Used:
    """What the process has used so far."""

    def __init__(self, nodes: list[IPv8]) -> None:
        """Look now."""
        self.at = time.perf_counter()
        self.cpu = time.process_time()
        self.sent = sum(node.endpoint.bytes_up for node in nodes)
        self.counted = dict(counted)

    def emit(self, event: str, nodes: list[IPv8], base: int, **more: object) -> None:
        """Print what was used since."""
        now = Used(nodes)
        counts = {name: value - self.counted[name] for name, value in now.counted.items()}
        peerlib.emit(event, seconds=now.at - self.at, cpu=now.cpu - self.cpu, bytes=now.sent - self.sent,
                     resident=resident() - base, **counts, **more)


def resident() -> int:
    """Bytes of memory that the process holds."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def known(node: IPv8) -> int:
    """How many nodes are in the routing table of a node."""
    tables = node.overlays[0].routing_tables.values()
    return sum(len(bucket.nodes) for table in tables for bucket in table.trie.values())


def node(key: bytes, number: int) -> IPv8:
    """One node, not started."""
    builder = ConfigBuilder().clear_keys().clear_overlays().set_log_level("WARNING")
    builder.set_address("127.0.0.1").set_port(0)
    builder.add_key_from_bin("me", base64.b64encode(key).decode())
    # The first one introduces everybody.
    settings = {} if number else {"max_peers": -1}
    walkers = [WalkerDefinition(Strategy.RandomWalk, 20, {"timeout": 3.0}),
               WalkerDefinition(Strategy.PingChurn, -1, {})]
    builder.add_overlay("DHTDiscoveryCommunity", "me", walkers, [], settings, [])
    return IPv8(builder.finalize())


Operation = Callable[[int], Awaitable[bool]]


async def phase(name: str, operation: Operation, total: int, at_once: int, limit: float, nodes: list[IPv8],
                base: int) -> None:
    """Run operations, so many at once, and print what they took. None is started after the limit."""
    used = Used(nodes)
    times: list[float] = []
    succeeded = started = 0
    numbers = iter(range(total))

    async def worker() -> None:
        nonlocal succeeded, started
        for number in numbers:
            begin = time.perf_counter()
            if begin - used.at > limit:
                return
            started += 1
            try:
                good = await operation(number)
                succeeded += good
            except DHTError as error:
                sys.stderr.write(f"{name} {number}: {error}\n")
            times.append((time.perf_counter() - begin) * 1e3)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    used.emit("phase", nodes, base, name=name, total=total, started=started, succeeded=succeeded, ms=times)


class Operations:
    """What is asked of the nodes; which of them, and about what, is drawn from the seed."""

    def __init__(self, nodes: list[IPv8], seed: int) -> None:
        """Draw nothing yet."""
        self.nodes, self.seed = nodes, seed

    def who(self, what: str, number: int) -> int:
        """Which one does it."""
        return int.from_bytes(drawn(self.seed, what, number)[:4], "big") % len(self.nodes)

    def node(self, what: str, number: int) -> DHTDiscoveryCommunity:
        """The one that does it."""
        return self.nodes[self.who(what, number)].overlays[0]

    def store(self, what: str, sign: bool) -> Operation:
        """Store a value."""
        async def operation(number: int) -> bool:
            value = drawn(self.seed, f"{what} value", number)
            stored = await self.node(f"{what} store", number).store_value(value[:20], value[20:40], sign=sign)
            return len(stored) > 0
        return operation

    def find(self, what: str, sign: bool) -> Operation:
        """Find it from another node."""
        async def operation(number: int) -> bool:
            value = drawn(self.seed, f"{what} value", number)
            signer = self.node(f"{what} store", number).my_peer.public_key.key_to_bin() if sign else None
            found = await self.node(f"{what} find", number).find_values(value[:20])
            return (value[20:40], signer) in found
        return operation

    def connect(self) -> Operation:
        """Find the address of a node by its member id, and have it open its NAT."""
        async def operation(number: int) -> bool:
            source, target = self.who("connect from", number), self.who("connect to", number)
            # Nobody looks for itself.
            target = (target + (source == target)) % len(self.nodes)
            mid = self.nodes[target].overlays[0].my_peer.mid
            return any(node.mid == mid for node in await self.nodes[source].overlays[0].connect_peer(mid))
        return operation


async def main() -> None:
    """Read the flags, run the nodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--operations", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--sequential", type=int, default=20)
    parser.add_argument("--goal", type=int, default=10)
    parser.add_argument("--idle", type=float, default=5)
    parser.add_argument("--pause", type=float, default=5)
    parser.add_argument("--phase-limit", type=float, default=60)
    parser.add_argument("--within", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-limit", action="store_true")
    args = parser.parse_args()

    count()
    if args.no_limit:
        routing.NODE_LIMIT_QUERIES = 1_000_000
    keys = [b"LibNaCLSK:" + drawn(args.seed, "key", number) for number in range(args.nodes)]
    base = resident()
    nodes: list[IPv8] = []
    for number, key in enumerate(keys):
        one = node(key, number)
        await one.endpoint.open()
        nodes.append(one)
    for one in nodes:
        await one.start()
        # A minute after its start each node would search 24 buckets.
        one.overlays[0].cancel_pending_task("node_maintenance")
        # On loopback nobody says who we are, and without an address nobody enters the routing table.
        one.overlays[0].my_estimated_wan = one.endpoint.get_address()
    used = Used(nodes)
    for one in nodes[1:]:
        one.overlays[0].walk_to(nodes[0].endpoint.get_address())
    goal = min(args.goal, args.nodes - 1)
    while any(known(one) < goal for one in nodes):
        if time.perf_counter() - used.at > args.within:
            raise peerlib.Refused(f"not all know {goal} nodes within {args.within} s")
        await asyncio.sleep(LOOK)
    used.emit("goal", nodes, base)
    await asyncio.sleep(args.pause)
    used = Used(nodes)
    await asyncio.sleep(args.idle)
    used.emit("idle", nodes, base, known=sum(known(one) for one in nodes) / len(nodes))

    do = Operations(nodes, args.seed)
    many, few = (args.operations, args.at_once), (args.sequential, 1)
    for name, operation, (total, at_once) in [
        ("sequential store", do.store("sequential", sign=False), few),
        ("sequential find", do.find("sequential", sign=False), few),
        ("store unsigned", do.store("unsigned", sign=False), many),
        ("store signed", do.store("signed", sign=True), many),
        ("find unsigned", do.find("unsigned", sign=False), many),
        ("find signed", do.find("signed", sign=True), many),
        ("connect", do.connect(), many),
    ]:
        if name == "connect":
            # Everybody can be found.
            await asyncio.gather(*(one.overlays[0].store_peer() for one in nodes))
            await asyncio.sleep(args.pause)
        await phase(name, operation, total, at_once, args.phase_limit, nodes, base)
        await asyncio.sleep(args.pause)
    # Taking the nodes down one after the other is not what is measured.
    peerlib.os._exit(0)


if __name__ == "__main__":
    peerlib.run(main)

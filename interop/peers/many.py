"""Many nodes of one overlay in one process, on loopback: the reference's side of `cargo xtask bench nodes`."""
from __future__ import annotations

import argparse
import asyncio
import base64
import time

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.community import Community
from ipv8.configuration import Bootstrapper, BootstrapperDefinition, ConfigBuilder, Strategy, WalkerDefinition
from ipv8.keyvault.crypto import default_eccrypto
from ipv8_service import IPv8

LOOK = 0.1


class Plain(Community):
    """Nothing but peers."""

    community_id = b"many-nodes-benchmark"


class Used:
    """What the process has used so far."""

    def __init__(self, nodes: list[IPv8]) -> None:
        """Look now."""
        self.at = time.perf_counter()
        self.cpu = time.process_time()
        self.sent = sum(node.endpoint.bytes_up for node in nodes)

    def emit(self, event: str, nodes: list[IPv8], base: int) -> Used:
        """Print what was used since; give what is used now."""
        now = Used(nodes)
        peerlib.emit(event, seconds=now.at - self.at, cpu=now.cpu - self.cpu, bytes=now.sent - self.sent,
                     resident=resident() - base,
                     peers=sum(len(node.overlays[0].get_peers()) for node in nodes) / len(nodes))
        return now


def resident() -> int:
    """Bytes of memory that the process holds."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def node(key: bytes, number: int, target: int, tracker: tuple | None) -> IPv8:
    """One node, not started."""
    builder = ConfigBuilder().clear_keys().clear_overlays().set_log_level("WARNING")
    builder.set_address("127.0.0.1").set_port(0)
    builder.add_key_from_bin("me", base64.b64encode(key).decode())
    bootstrappers = [] if tracker is None else [
        BootstrapperDefinition(Bootstrapper.DispersyBootstrapper,
                               {"ip_addresses": [tracker], "dns_addresses": [], "bootstrap_timeout": 30.0})]
    # The first one introduces everybody.
    settings = {} if number else {"max_peers": -1}
    builder.add_overlay("Plain", "me", [WalkerDefinition(Strategy.RandomWalk, target, {"timeout": 3.0})],
                        bootstrappers, settings, [])
    return IPv8(builder.finalize(), extra_communities={"Plain": Plain})


async def main() -> None:
    """Read the flags, run the nodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--mode", choices=("walk", "bootstrap"), default="walk")
    parser.add_argument("--goal", type=int, default=10)
    parser.add_argument("--target", type=int, default=20)
    parser.add_argument("--steady", type=lambda text: [int(part) for part in text.split(",")], default=[8, 8])
    parser.add_argument("--within", type=float, default=60)
    args = parser.parse_args()

    keys = [default_eccrypto.generate_key("curve25519").key_to_bin() for _ in range(args.nodes)]
    base = resident()
    nodes: list[IPv8] = []
    first = None
    for number, key in enumerate(keys):
        one = node(key, number, args.target, first if args.mode == "bootstrap" else None)
        await one.endpoint.open()
        first = first or one.endpoint.get_address()
        nodes.append(one)
    for one in nodes:
        await one.start()
    used = Used(nodes)
    begin = used.at
    if args.mode == "walk":
        for one in nodes[1:]:
            one.overlays[0].walk_to(first)
    goal = min(args.goal, args.nodes - 1)
    while any(len(one.overlays[0].get_peers()) < goal for one in nodes):
        if time.perf_counter() - begin > args.within:
            raise peerlib.Refused(f"not all know {goal} peers within {args.within} s")
        await asyncio.sleep(LOOK)
    used = used.emit("goal", nodes, base)
    for seconds in args.steady:
        await asyncio.sleep(seconds)
        used = used.emit("steady", nodes, base)
    # Taking 200 nodes down one after the other is not what is measured.
    peerlib.os._exit(0)


if __name__ == "__main__":
    peerlib.run(main)

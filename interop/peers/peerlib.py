"""What the test peers share: no real network, JSON lines, an end that always comes."""
from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from ipv8.messaging.interfaces.lan_addresses.interfaces import get_providers

ISOLATED = os.environ.get("IPV8_PEERS_ISOLATED") == "1"
"""We are in a network namespace of a test, where any address will do and the LAN address is to be found as always."""

# Without providers the reference takes 127.0.0.1 for its LAN address. With them it would advertise the address of
# another interface, where nobody listens. The list is cached, so emptying it here holds for the whole process; it has
# to happen before any overlay is loaded.
if not ISOLATED:
    get_providers().clear()

from ipv8.community import Community  # noqa: E402
from ipv8.keyvault.crypto import default_eccrypto  # noqa: E402
from ipv8.keyvault.keys import PrivateKey  # noqa: E402
from ipv8.messaging.interfaces.udp.endpoint import UDPEndpoint, UDPv4Address, UDPv6Address  # noqa: E402

SocketAddress = UDPv4Address | UDPv6Address


class Refused(Exception):
    """Something the person who started the program has to change; shown as one line."""


def emit(event: str, **fields: object) -> None:
    """Print one event as a line of JSON, at once."""
    try:
        sys.stdout.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever drove this peer is gone. A descriptor to nowhere keeps the interpreter's own flush at exit quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGTERM)


def address(text: str) -> SocketAddress:
    """Read `IP:PORT`, where IP is an IPv4 loopback address."""
    found = any_address(text)
    if isinstance(found, UDPv6Address):
        raise argparse.ArgumentTypeError(f"{text!r} is not IPV4:PORT")
    return found


def any_address(text: str) -> SocketAddress:
    """Read `IP:PORT` or `[IP]:PORT`, where IP is a loopback address."""
    host, _, port = text.rpartition(":")
    try:
        ip = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not IP:PORT") from None
    if not ip.is_loopback and not ISOLATED:
        raise argparse.ArgumentTypeError(f"{host} is not a loopback address: test peers stay on 127.0.0.0/8 and ::1")
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port: use 0 to 65535")
    return (UDPv4Address if ip.version == 4 else UDPv6Address)(str(ip), number)


def community_id(text: str) -> bytes:
    """Read a community id of 40 hex digits."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 20 or len(text) != 40:
        raise argparse.ArgumentTypeError(f"{text!r} is not a community id: 40 hex digits")
    return value


def show(value: tuple) -> str:
    """Write an address as `IP:PORT`, or `[IP]:PORT` for IPv6."""
    return f"[{value[0]}]:{value[1]}" if ":" in value[0] else f"{value[0]}:{value[1]}"


def arguments(description: str, curve: str,
              listen: Callable[[str], SocketAddress] = address) -> argparse.ArgumentParser:
    """The flags that every peer has; `curve` is that of a key made on the spot, `listen` reads where it listens."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--listen", type=listen, default=UDPv4Address("127.0.0.1", 0), metavar="IP:PORT",
                        help="where to listen, on loopback (default: a free port of 127.0.0.1)")
    parser.add_argument("--key", metavar="FILE", help="private key file; made if it does not exist (default: a fresh key)")
    parser.add_argument("--curve", choices=default_eccrypto.security_levels, default=curve,
                        help="of a key made on the spot (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=120.0, metavar="S",
                        help="end after this long (default: %(default)s)")
    return parser


def private_key(file: str | None, curve: str) -> PrivateKey:
    """Load the key in `file`; without a file, or where there is none yet, make one (and store it)."""
    if file and os.path.exists(file):
        with open(file, "rb") as stream:
            content = stream.read()
        try:
            return default_eccrypto.key_from_private_bin(content)
        except Exception as error:
            raise Refused(f"{file} holds no private key: {error}") from error
    key = default_eccrypto.generate_key(curve)
    if file:
        with open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(key.key_to_bin())
    return key


def check_port(endpoint: UDPEndpoint, wanted: SocketAddress) -> str:
    """The address an opened endpoint has. The reference goes on with another port where `wanted` is taken."""
    actual = endpoint.get_address() if endpoint.is_open() else ("", 0)
    if actual[0] != wanted[0] or (wanted[1] and actual[1] != wanted[1]):
        endpoint.close()
        raise Refused(f"{show(wanted)} is taken: stop what listens there or choose another port")
    return show(actual)


async def open_endpoint(listen: UDPv4Address) -> UDPEndpoint:
    """A bare UDP endpoint on exactly this address."""
    endpoint = UDPEndpoint(listen.port, listen.ip)
    await endpoint.open()
    check_port(endpoint, listen)
    return endpoint


async def until_end(seconds: float) -> None:
    """Wait for SIGTERM, Ctrl-C or the end of the time, whichever comes first."""
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    try:
        await asyncio.wait_for(end.wait(), seconds)
    except asyncio.TimeoutError:
        pass


async def serve(overlay: Community, seconds: float, listen: str) -> None:
    """Announce an overlay on its own endpoint, keep it up for its time, and take it down."""
    emit("started", listen=listen, mid=overlay.my_peer.mid.hex())
    await until_end(seconds)
    await overlay.unload()
    overlay.endpoint.close()


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a program to its end: what it refuses becomes one line and exit status 1."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        asyncio.run(main())
    except Refused as error:
        sys.exit(f"error: {error}")

"""Echo node for load tests: one reply for each request, signed or not, nothing printed per message."""
from __future__ import annotations

import peerlib  # noqa: I001 (first: it empties the address providers)

from ipv8.community import Community, CommunitySettings
from ipv8.lazy_community import lazy_wrapper, lazy_wrapper_unsigned
from ipv8.messaging.interfaces.udp.endpoint import UDPv4Address
from ipv8.messaging.lazy_payload import VariablePayload, vp_compile
from ipv8.peer import Peer
from ipv8.peerdiscovery.network import Network


@vp_compile
class SignedRequest(VariablePayload):
    """Asks for `value` + 1, signed."""

    msg_id = 1
    format_list = ["I", "I"]
    names = ["value", "identifier"]


@vp_compile
class SignedReply(VariablePayload):
    """The answer to a signed request."""

    msg_id = 2
    format_list = ["I", "I"]
    names = ["value", "identifier"]


@vp_compile
class PlainRequest(VariablePayload):
    """Asks for `value` + 1, unsigned."""

    msg_id = 3
    format_list = ["I", "I"]
    names = ["value", "identifier"]


@vp_compile
class PlainReply(VariablePayload):
    """The answer to an unsigned request."""

    msg_id = 4
    format_list = ["I", "I"]
    names = ["value", "identifier"]


class EchoCommunity(Community):
    """Counts one up."""

    def __init__(self, settings: CommunitySettings) -> None:
        """Handle both kinds of request."""
        super().__init__(settings)
        self.add_message_handler(SignedRequest, self.on_signed)
        self.add_message_handler(PlainRequest, self.on_plain)

    @lazy_wrapper(SignedRequest)
    def on_signed(self, peer: Peer, payload: SignedRequest) -> None:
        """Answer signed."""
        self.ez_send(peer, SignedReply((payload.value + 1) & 0xFFFFFFFF, payload.identifier))

    @lazy_wrapper_unsigned(PlainRequest)
    def on_plain(self, source: UDPv4Address, payload: PlainRequest) -> None:
        """Answer unsigned."""
        self.endpoint.send(source, self.ezr_pack(PlainReply.msg_id,
                                                 PlainReply((payload.value + 1) & 0xFFFFFFFF, payload.identifier),
                                                 sig=False))


async def main() -> None:
    """Read the flags, run the node."""
    parser = peerlib.arguments(__doc__, "curve25519")
    parser.add_argument("--community", type=peerlib.community_id, required=True, metavar="HEX40")
    args = parser.parse_args()

    EchoCommunity.community_id = args.community
    endpoint = await peerlib.open_endpoint(args.listen)
    settings = CommunitySettings(my_peer=Peer(peerlib.private_key(args.key, args.curve)), endpoint=endpoint,
                                 network=Network())
    await peerlib.serve(EchoCommunity(settings), args.seconds, peerlib.show(endpoint.get_address()))


if __name__ == "__main__":
    peerlib.run(main)

//! Headers of lower layers.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use etherparse::{EtherType, NetSlice, PacketBuilder, SlicedPacket, TransportSlice, err::packet::SliceError};

/// Most bytes of a datagram that fit behind an IPv4 and a UDP header.
pub(super) const MAX_PAYLOAD: usize = 65_507;

/// The hop limit that is written: nobody counts hops here.
const HOPS: u8 = 64;

/// How packets of a link begin, by the numbers of tcpdump.org's registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    Null,
    Ethernet,
    Raw,
    CookedV1,
    CookedV2,
}

impl Link {
    /// The number of raw IP, which is what is written.
    pub(super) const RAW: u16 = 101;

    pub(super) const fn of_number(number: u32) -> Option<Self> {
        match number {
            // NULL and LOOP: the address family, in either byte order.
            0 | 108 => Some(Self::Null),
            1 => Some(Self::Ethernet),
            // RAW of two systems that number it themselves, RAW, IPV4, IPV6.
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            113 => Some(Self::CookedV1),
            276 => Some(Self::CookedV2),
            _ => None,
        }
    }
}

/// A UDP datagram found in a packet.
pub(super) struct Datagram<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) payload: &'a [u8],
}

/// The addresses as an IP packet can have them: both of one family. An IPv4 address becomes a mapped one if the other is
/// IPv6, which happens to what has no route.
pub(super) fn of_one_family(from: SocketAddr, to: SocketAddr) -> (SocketAddr, SocketAddr) {
    if from.is_ipv4() == to.is_ipv4() {
        return (bare(from), bare(to));
    }
    let mapped = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => bare(address),
    };
    (mapped(from), mapped(to))
}

/// Without flow and scope, which no header has.
fn bare(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// Writes IP and UDP headers and the payload, of which what no datagram can hold is cut.
pub(super) fn write(from: SocketAddr, to: SocketAddr, payload: &[u8], out: &mut Vec<u8>) {
    let (from, to) = of_one_family(from, to);
    let payload = payload.get(..MAX_PAYLOAD).unwrap_or(payload);
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => Ipv6Addr::octets(&ip),
    };
    let ip = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS),
        (from, to) => PacketBuilder::ipv6(octets(from), octets(to), HOPS),
    };
    // Fails for payloads that are too long only, which were cut.
    let _ = ip.udp(from.port(), to.port()).write(out, payload);
}

type Sliced<'a> = Result<SlicedPacket<'a>, SliceError>;

/// A packet behind a header of so many bytes, in which the protocol's number has its place.
fn of_protocol(packet: &[u8], place: usize, header: usize) -> Result<Sliced<'_>, &'static str> {
    let (header, rest) = packet.split_at_checked(header).ok_or("cut short")?;
    let number = header.get(place..).and_then(<[u8]>::first_chunk).ok_or("cut short")?;
    Ok(SlicedPacket::from_ether_type(EtherType(u16::from_be_bytes(*number)), rest))
}

/// Finds the UDP datagram in a packet.
///
/// # Errors
/// Why there is none, in a few words.
pub(super) fn read(link: Link, packet: &[u8]) -> Result<Datagram<'_>, &'static str> {
    let sliced = match link {
        Link::Ethernet => SlicedPacket::from_ethernet(packet),
        Link::Raw => SlicedPacket::from_ip(packet),
        Link::Null => SlicedPacket::from_ip(packet.get(4..).ok_or("cut short")?),
        // Kind of packet, kind of hardware, address, protocol: 16 bytes. (etherparse takes few kinds of hardware.)
        Link::CookedV1 => of_protocol(packet, 14, 16)?,
        // Protocol, reserved, interface, kind of hardware, kind of packet, address: 20 bytes.
        Link::CookedV2 => of_protocol(packet, 0, 20)?,
    };
    let sliced = sliced.map_err(|_| "no whole IP packet")?;
    let (from, to) = match &sliced.net {
        Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        Some(NetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        _ => return Err("not IP"),
    };
    let (from, to): (IpAddr, IpAddr) = (from, to);
    if sliced.is_ip_payload_fragmented() {
        return Err("a fragment of a packet");
    }
    match sliced.transport {
        Some(TransportSlice::Udp(udp)) => Ok(Datagram {
            from: SocketAddr::new(from, udp.source_port()),
            to: SocketAddr::new(to, udp.destination_port()),
            payload: udp.payload(),
        }),
        _ => Err("not UDP"),
    }
}

//! The messages that every community speaks: introductions and punctures, old and new style.
//!
//! Layouts and flag bits are those of `protocol.md` section 4. The old style (ids 245, 246, 249, 250) knows IPv4 only;
//! the new style (ids 231 to 234) names the address family, and has its identifier before its flags.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ipv8_wire::{Message, ReadError, Reader, Wire, WriteError, Writer};

/// No address: what is sent where none is known.
pub const NO_ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// An address as old-style messages name it: they have room for IPv4 only.
#[must_use]
pub fn old_style(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(_) => NO_ADDRESS,
    }
}

/// The ids that the node itself answers; a community takes their place with [`Routes::replace`](crate::Routes::replace).
pub const BASE: [u8; 8] = [231, 232, 233, 234, 245, 246, 249, 250];

/// Message ids that earlier generations of the protocol used; they are dropped, and no community may use them.
pub const DEPRECATED: [u8; 17] = [235, 236, 237, 238, 239, 240, 241, 242, 243, 244, 247, 248, 251, 252, 253, 254, 255];

/// The flag byte of an introduction message, one bit a flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// Old request, bit 0: the sender wants an introduction. Always set by ours, never consulted by anybody; the
    /// reference reads it inverted.
    pub const ADVICE: u8 = 0x01;
    /// Requests, bit 5: the sender understands the new style.
    pub const REQUEST_NEW_STYLE: u8 = 0x20;
    /// Old response, bit 4: the sender understands the new style.
    pub const RESPONSE_NEW_STYLE: u8 = 0x10;
    /// Old response, bit 3: the introduced peer understands the new style.
    pub const INTRODUCED_NEW_STYLE: u8 = 0x08;
    /// Old response, bit 2: the sender has as many peers as it takes.
    pub const PEER_LIMIT: u8 = 0x04;
    /// New response, bit 7: the introduced peer understands the new style.
    pub const NEW_INTRODUCED_NEW_STYLE: u8 = 0x80;

    /// Whether a flag is set.
    #[must_use]
    pub const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn with(self, flag: u8, on: bool) -> Self {
        Self(if on { self.0 | flag } else { self.0 })
    }

    /// The flags of an old response; ours always says that it understands the new style.
    #[must_use]
    pub fn old_response(introduced_new_style: bool, peer_limit_reached: bool) -> Self {
        Self(Self::RESPONSE_NEW_STYLE)
            .with(Self::INTRODUCED_NEW_STYLE, introduced_new_style)
            .with(Self::PEER_LIMIT, peer_limit_reached)
    }

    /// The flags of a new response.
    #[must_use]
    pub fn new_response(introduced_new_style: bool) -> Self {
        Self::default().with(Self::NEW_INTRODUCED_NEW_STYLE, introduced_new_style)
    }
}

impl<'a> Wire<'a> for Flags {
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        r.u8().map(Self)
    }

    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        w.u8(self.0);
        Ok(())
    }
}

/// 246: asks a peer for an introduction to another one.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 246, global_time)]
pub struct IntroductionRequest {
    /// Where the request is sent: what the sender takes for our address.
    pub destination_address: SocketAddrV4,
    /// The sender's own address in its LAN.
    pub source_lan_address: SocketAddrV4,
    /// The sender's own address on the Internet, as far as it knows.
    pub source_wan_address: SocketAddrV4,
    /// [`Flags::ADVICE`], [`Flags::REQUEST_NEW_STYLE`].
    pub flags: Flags,
    /// Comes back in the answer.
    pub identifier: u16,
    /// What a community adds.
    #[wire(raw)]
    pub extra_bytes: Vec<u8>,
}

/// 245: answers an introduction request, with an introduction if there is somebody to introduce.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 245, global_time)]
pub struct IntroductionResponse {
    /// Where the response is sent: how the sender sees us.
    pub destination_address: SocketAddrV4,
    /// The sender's own address in its LAN.
    pub source_lan_address: SocketAddrV4,
    /// The sender's own address on the Internet, as far as it knows.
    pub source_wan_address: SocketAddrV4,
    /// The introduced peer's address in its LAN, or [`NO_ADDRESS`].
    pub lan_introduction_address: SocketAddrV4,
    /// The introduced peer's address on the Internet, or [`NO_ADDRESS`].
    pub wan_introduction_address: SocketAddrV4,
    /// [`Flags::RESPONSE_NEW_STYLE`], [`Flags::INTRODUCED_NEW_STYLE`], [`Flags::PEER_LIMIT`].
    pub flags: Flags,
    /// The request's.
    pub identifier: u16,
    /// What a community adds.
    #[wire(raw)]
    pub extra_bytes: Vec<u8>,
}

/// 250: asks a peer to open its NAT for the walker. Unsigned: anybody can send it.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 250, unsigned, global_time)]
pub struct PunctureRequest {
    /// The walker's address in its LAN.
    pub lan_walker_address: SocketAddrV4,
    /// The walker's address on the Internet.
    pub wan_walker_address: SocketAddrV4,
    /// The introduction request's.
    pub identifier: u16,
}

/// 249: opens the sender's NAT for us; nothing else follows from it.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 249, global_time)]
pub struct Puncture {
    /// The sender's own address in its LAN.
    pub source_lan_address: SocketAddrV4,
    /// The walker's address on the Internet (the reference repeats what it was asked for).
    pub source_wan_address: SocketAddrV4,
    /// The puncture request's.
    pub identifier: u16,
}

/// 234: the new style of [`IntroductionRequest`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 234, global_time)]
pub struct NewIntroductionRequest {
    /// Where the request is sent.
    pub destination_address: SocketAddr,
    /// The sender's own address in its LAN.
    pub source_lan_address: SocketAddr,
    /// The sender's preferred address.
    pub source_wan_address: SocketAddr,
    /// Comes back in the answer.
    pub identifier: u16,
    /// None is set by ours.
    pub flags: Flags,
    /// What a community adds.
    #[wire(raw)]
    pub extra_bytes: Vec<u8>,
}

/// 233: the new style of [`IntroductionResponse`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 233, global_time)]
pub struct NewIntroductionResponse {
    /// Where the response is sent.
    pub destination_address: SocketAddr,
    /// The sender's own address in its LAN.
    pub source_lan_address: SocketAddr,
    /// The sender's preferred address.
    pub source_wan_address: SocketAddr,
    /// The introduced peer's address in its LAN, or [`NO_ADDRESS`].
    pub lan_introduction_address: SocketAddr,
    /// The introduced peer's preferred address, or [`NO_ADDRESS`].
    pub wan_introduction_address: SocketAddr,
    /// The request's.
    pub identifier: u16,
    /// [`Flags::NEW_INTRODUCED_NEW_STYLE`].
    pub flags: Flags,
    /// What a community adds.
    #[wire(raw)]
    pub extra_bytes: Vec<u8>,
}

/// 232: the new style of [`PunctureRequest`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 232, unsigned, global_time)]
pub struct NewPunctureRequest {
    /// The walker's address in its LAN.
    pub lan_walker_address: SocketAddr,
    /// The walker's address on the Internet.
    pub wan_walker_address: SocketAddr,
    /// The introduction request's.
    pub identifier: u16,
}

/// 231: the new style of [`Puncture`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 231, global_time)]
pub struct NewPuncture {
    /// The sender's own address in its LAN.
    pub source_lan_address: SocketAddr,
    /// The walker's address on the Internet.
    pub source_wan_address: SocketAddr,
    /// The puncture request's.
    pub identifier: u16,
}

/// An introduction request of either style, as communities see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Introduction {
    /// What the sender takes for our address.
    pub destination: SocketAddr,
    /// The sender's own address in its LAN.
    pub source_lan: SocketAddr,
    /// The sender's own address elsewhere.
    pub source_wan: SocketAddr,
    /// Comes back in the answer.
    pub identifier: u16,
    /// The sender understands the new style.
    pub new_style: bool,
    /// What the sender's community added.
    pub extra: Vec<u8>,
}

/// An introduction response of either style, as communities see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Introduced {
    /// How the sender sees us.
    pub destination: SocketAddr,
    /// The sender's own address in its LAN.
    pub source_lan: SocketAddr,
    /// The sender's own address elsewhere.
    pub source_wan: SocketAddr,
    /// The introduced peer's address in its LAN, if it has one.
    pub lan_introduction: Option<SocketAddr>,
    /// The introduced peer's address elsewhere, if somebody is introduced.
    pub wan_introduction: Option<SocketAddr>,
    /// The introduced peer understands the new style.
    pub introduced_new_style: bool,
    /// The sender has as many peers as it takes.
    pub peer_limit_reached: bool,
    /// The request's identifier.
    pub identifier: u16,
    /// The sender understands the new style.
    pub new_style: bool,
    /// What the sender's community added.
    pub extra: Vec<u8>,
}

/// The address, unless it says that there is none.
fn some(address: SocketAddr) -> Option<SocketAddr> {
    (address != SocketAddr::V4(NO_ADDRESS)).then_some(address)
}

impl From<IntroductionRequest> for Introduction {
    fn from(m: IntroductionRequest) -> Self {
        Self {
            destination: m.destination_address.into(),
            source_lan: m.source_lan_address.into(),
            source_wan: m.source_wan_address.into(),
            identifier: m.identifier,
            new_style: m.flags.has(Flags::REQUEST_NEW_STYLE),
            extra: m.extra_bytes,
        }
    }
}

impl From<NewIntroductionRequest> for Introduction {
    fn from(m: NewIntroductionRequest) -> Self {
        Self {
            destination: m.destination_address,
            source_lan: m.source_lan_address,
            source_wan: m.source_wan_address,
            identifier: m.identifier,
            new_style: true,
            extra: m.extra_bytes,
        }
    }
}

impl From<IntroductionResponse> for Introduced {
    fn from(m: IntroductionResponse) -> Self {
        Self {
            destination: m.destination_address.into(),
            source_lan: m.source_lan_address.into(),
            source_wan: m.source_wan_address.into(),
            lan_introduction: some(m.lan_introduction_address.into()),
            wan_introduction: some(m.wan_introduction_address.into()),
            introduced_new_style: m.flags.has(Flags::INTRODUCED_NEW_STYLE),
            peer_limit_reached: m.flags.has(Flags::PEER_LIMIT),
            identifier: m.identifier,
            new_style: m.flags.has(Flags::RESPONSE_NEW_STYLE),
            extra: m.extra_bytes,
        }
    }
}

impl From<NewIntroductionResponse> for Introduced {
    fn from(m: NewIntroductionResponse) -> Self {
        Self {
            destination: m.destination_address,
            source_lan: m.source_lan_address,
            source_wan: m.source_wan_address,
            lan_introduction: some(m.lan_introduction_address),
            wan_introduction: some(m.wan_introduction_address),
            introduced_new_style: m.flags.has(Flags::NEW_INTRODUCED_NEW_STYLE),
            peer_limit_reached: false,
            identifier: m.identifier,
            new_style: true,
            extra: m.extra_bytes,
        }
    }
}

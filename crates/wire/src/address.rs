//! Addresses: the reference's formats `ipv4`, `ip_address` and `address`, and their text.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use crate::varlen::text_of;
use crate::{Mode, ReadError, ReadErrorKind, Reader, Wire, WriteError, Writer};

const TYPE_IPV4: u8 = 1;
const TYPE_DOMAIN: u8 = 2;
const TYPE_IPV6: u8 = 3;

/// Where a node can be reached: an IPv4 address, an IPv6 address or a host name, with a port. Reference format `address`.
///
/// Its text is `1.2.3.4:5`, `[::1]:5` or `host:5`, with IPv6 addresses as C's `inet_ntop` writes them.
///
/// ```
/// use ipv8_wire::Address;
///
/// let address: Address = "[2001:db8::1]:8090".parse()?;
/// assert_eq!(address.to_string(), "[2001:db8::1]:8090");
/// assert_eq!("tracker.example.org:80".parse::<Address>()?, Address::Domain("tracker.example.org".into(), 80));
/// # Ok::<(), ipv8_wire::ParseAddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An IPv4 address and port.
    V4(SocketAddrV4),
    /// An IPv6 address and port. Flow label and scope are of this machine only and not sent.
    V6(SocketAddrV6),
    /// A host name, at most 65,535 bytes of UTF-8, and a port.
    Domain(String, u16),
}

impl Address {
    /// The address of `host`: an IP address if its text is one, otherwise a host name.
    ///
    /// Only plain dotted quads are IPv4 addresses: `127.1` is a host name, as in the reference's formats with a type.
    pub fn from_host(host: &str, port: u16) -> Self {
        match host.parse() {
            Ok(ip) => Self::from(SocketAddr::new(ip, port)),
            Err(_) => Self::Domain(host.to_owned(), port),
        }
    }

    /// The host, without the port; IPv6 without brackets.
    pub fn host(&self) -> String {
        match self {
            Self::V4(address) => address.ip().to_string(),
            Self::V6(address) => HostText(*address.ip()).to_string(),
            Self::Domain(host, _) => host.clone(),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        match self {
            Self::V4(address) => address.port(),
            Self::V6(address) => address.port(),
            Self::Domain(_, port) => *port,
        }
    }

    /// The address of a socket, unless it is a host name, which would have to be resolved first.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::V4(address) => Some(SocketAddr::V4(*address)),
            Self::V6(address) => Some(SocketAddr::V6(*address)),
            Self::Domain(..) => None,
        }
    }
}

impl From<SocketAddrV4> for Address {
    fn from(address: SocketAddrV4) -> Self {
        Self::V4(address)
    }
}

impl From<SocketAddrV6> for Address {
    fn from(address: SocketAddrV6) -> Self {
        Self::V6(address)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::V4(address),
            SocketAddr::V6(address) => Self::V6(address),
        }
    }
}

/// A host name where an IP address is needed: resolve it first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is a host name: resolve it to an IP address first")]
pub struct UnresolvedHost(pub String);

impl TryFrom<Address> for SocketAddr {
    type Error = UnresolvedHost;

    fn try_from(address: Address) -> Result<Self, UnresolvedHost> {
        match address {
            Address::V4(address) => Ok(SocketAddr::V4(address)),
            Address::V6(address) => Ok(SocketAddr::V6(address)),
            Address::Domain(host, _) => Err(UnresolvedHost(host)),
        }
    }
}

/// The text of an IPv6 address as C's `inet_ntop` gives it, and so the reference: other than Rust's it writes the last
/// 32 bits after 96 zero bits as an IPv4 address, `::1.2.3.4`.
struct HostText(Ipv6Addr);

impl fmt::Display for HostText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.segments() {
            [0, 0, 0, 0, 0, 0, high, _] if high != 0 => {
                let [.., a, b, c, d] = self.0.octets();
                write!(f, "::{}", Ipv4Addr::new(a, b, c, d))
            }
            _ => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "[{}]:{}", HostText(*address.ip()), address.port()),
            Self::Domain(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

/// Text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAddressError {
    /// There is no port.
    #[error("{0:?} has no port: write HOST:PORT, or [HOST]:PORT for IPv6")]
    NoPort(String),
    /// The port is no number up to 65535.
    #[error("{0:?} is no port: write a number from 0 to 65535")]
    InvalidPort(String),
    /// There is no host.
    #[error("{0:?} has no host: write HOST:PORT, or [HOST]:PORT for IPv6")]
    NoHost(String),
    /// An IPv6 address, in brackets or without, that is none.
    #[error("{0:?} is no IPv6 address in brackets: write [HOST]:PORT")]
    InvalidIpv6(String),
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| ParseAddressError::NoPort(text.to_owned()))?;
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseAddressError::InvalidPort(port.to_owned()));
        }
        let port = port.parse().map_err(|_| ParseAddressError::InvalidPort(port.to_owned()))?;
        if host.is_empty() {
            return Err(ParseAddressError::NoHost(text.to_owned()));
        }
        if host.contains([':', '[', ']']) {
            let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            return match inner.map(str::parse) {
                Some(Ok(ip)) => Ok(Self::V6(SocketAddrV6::new(ip, port, 0, 0))),
                _ => Err(ParseAddressError::InvalidIpv6(host.to_owned())),
            };
        }
        Ok(Self::from_host(host, port))
    }
}

#[inline]
fn read_ipv4(r: &mut Reader<'_>) -> Result<SocketAddrV4, ReadError> {
    let [a, b, c, d, high, low] = r.take_array()?;
    Ok(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
}

#[inline]
fn read_ipv6(r: &mut Reader<'_>) -> Result<SocketAddrV6, ReadError> {
    let (ip, port): ([u8; 16], u16) = Wire::read(r)?;
    Ok(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, 0))
}

#[inline]
fn write_ipv4(address: &SocketAddrV4, w: &mut Writer) {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    w.put(&[a, b, c, d, high, low]);
}

#[inline]
fn write_ipv6(address: &SocketAddrV6, w: &mut Writer) {
    w.put(&address.ip().octets());
    w.u16(address.port());
}

/// Format `ipv4`: 4 bytes and the port.
impl<'a> Wire<'a> for SocketAddrV4 {
    const MIN_LEN: usize = 6;

    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        read_ipv4(r)
    }

    #[inline]
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        write_ipv4(self, w);
        Ok(())
    }
}

/// Format `ip_address`: 1 and an IPv4 address, or 3 and an IPv6 address.
impl<'a> Wire<'a> for SocketAddr {
    const MIN_LEN: usize = 7;

    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        let offset = r.offset();
        match r.u8()? {
            TYPE_IPV4 => read_ipv4(r).map(SocketAddr::V4),
            TYPE_IPV6 => read_ipv6(r).map(SocketAddr::V6),
            other => Err(ReadError::new(ReadErrorKind::InvalidAddressType(other), offset)),
        }
    }

    #[inline]
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        match self {
            SocketAddr::V4(address) => {
                w.u8(TYPE_IPV4);
                write_ipv4(address, w);
            }
            SocketAddr::V6(address) => {
                w.u8(TYPE_IPV6);
                write_ipv6(address, w);
            }
        }
        Ok(())
    }
}

/// Format `address`: as `ip_address`, or 2 and a host name.
impl<'a> Wire<'a> for Address {
    const MIN_LEN: usize = 5;

    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        let offset = r.offset();
        match r.u8()? {
            TYPE_IPV4 => read_ipv4(r).map(Self::V4),
            TYPE_IPV6 => read_ipv6(r).map(Self::V6),
            TYPE_DOMAIN => {
                let len = r.u16()?;
                let start = r.offset();
                let host = text_of(r.take(usize::from(len))?, start)?;
                let port = r.u16()?;
                if r.mode() == Mode::Strict && host.parse::<IpAddr>().is_ok() {
                    return Err(ReadError::new(ReadErrorKind::Custom("an IP address is sent as a host name"), start));
                }
                Ok(Self::Domain(host.to_owned(), port))
            }
            other => Err(ReadError::new(ReadErrorKind::InvalidAddressType(other), offset)),
        }
    }

    /// A host name that is the text of an IP address is written as that address, as the reference does.
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        match self {
            Self::V4(address) => SocketAddr::V4(*address).write(w),
            Self::V6(address) => SocketAddr::V6(*address).write(w),
            Self::Domain(host, port) => match host.parse::<IpAddr>() {
                Ok(ip) => SocketAddr::new(ip, *port).write(w),
                Err(_) => {
                    w.u8(TYPE_DOMAIN);
                    host.write(w)?;
                    w.u16(*port);
                    Ok(())
                }
            },
        }
    }
}

//! Values as the vectors write them.

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use ipv8_wire::Address;
use serde_json::{Value, json};

use super::{CharAnd20, FourAndPort, Inner};

/// A value as the vectors write it.
pub(crate) trait Json: Sized {
    /// Floats become their bits: the vectors compare floats by their bytes.
    fn to_json(&self) -> Value;
    /// `None` if the Rust type has no such value.
    fn from_json(value: &Value) -> Option<Self>;
}

macro_rules! integers {
    ($($int:ident $get:ident),*) => { $(
        impl Json for $int {
            fn to_json(&self) -> Value {
                json!(self)
            }

            fn from_json(value: &Value) -> Option<Self> {
                value.$get().and_then(|value| value.try_into().ok())
            }
        }
    )* };
}

integers!(u8 as_u64, u16 as_u64, u32 as_u64, u64 as_u64, i32 as_i64, i64 as_i64);

impl Json for bool {
    fn to_json(&self) -> Value {
        json!(self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Json for f64 {
    fn to_json(&self) -> Value {
        json!(hex::encode(self.to_be_bytes()))
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value.as_str() {
            None => value.as_f64(),
            Some("nan") => Some(f64::from_bits(0x7ff8 << 48)),
            Some("inf") => Some(f64::INFINITY),
            Some("-inf") => Some(f64::NEG_INFINITY),
            Some(_) => None,
        }
    }
}

impl Json for f32 {
    fn to_json(&self) -> Value {
        json!(hex::encode(self.to_be_bytes()))
    }

    fn from_json(value: &Value) -> Option<Self> {
        let wide = f64::from_json(value)?;
        if wide.is_nan() {
            return Some(f32::from_bits(0x7fc0_0000));
        }
        #[allow(clippy::cast_possible_truncation, reason = "the reference rounds too")]
        let narrow = wide as f32;
        (narrow.is_finite() || wide.is_infinite()).then_some(narrow)
    }
}

/// Hex, or an item a number of times.
fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    if let Some(unit) = value.get("repeat") {
        let unit = hex::decode(unit.as_str()?).ok()?;
        return Some(unit.repeat(value["count"].as_u64()?.try_into().ok()?));
    }
    hex::decode(value.as_str()?).ok()
}

impl Json for Vec<u8> {
    fn to_json(&self) -> Value {
        json!(hex::encode(self))
    }

    fn from_json(value: &Value) -> Option<Self> {
        bytes_of(value)
    }
}

impl<const N: usize> Json for [u8; N] {
    fn to_json(&self) -> Value {
        json!(hex::encode(self))
    }

    fn from_json(value: &Value) -> Option<Self> {
        bytes_of(value)?.try_into().ok()
    }
}

impl Json for String {
    fn to_json(&self) -> Value {
        json!(self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

/// Bits are 0 or 1.
impl Json for [bool; 8] {
    fn to_json(&self) -> Value {
        json!(self.map(u8::from))
    }

    fn from_json(value: &Value) -> Option<Self> {
        let bits: Vec<bool> = value.as_array()?.iter().map(|bit| bit == 1).collect();
        bits.try_into().ok()
    }
}

macro_rules! lists {
    ($($item:ty),*) => { $(
        impl Json for Vec<$item> {
            fn to_json(&self) -> Value {
                self.iter().map(Json::to_json).collect()
            }

            fn from_json(value: &Value) -> Option<Self> {
                if let Some(item) = value.get("repeat_item") {
                    return (0..value["count"].as_u64()?).map(|_| Json::from_json(item)).collect();
                }
                value.as_array()?.iter().map(Json::from_json).collect()
            }
        }
    )* };
}

lists!(Vec<u8>, bool, i64, f64, Inner);

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))*) => { $(
        impl<$($name: Json),+> Json for ($($name,)+) {
            fn to_json(&self) -> Value {
                json!([$(self.$index.to_json()),+])
            }

            fn from_json(value: &Value) -> Option<Self> {
                Some(($($name::from_json(value.get($index)?)?,)+))
            }
        }
    )* };
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

impl Json for FourAndPort {
    fn to_json(&self) -> Value {
        json!([self.0.to_json(), self.1.to_json()])
    }

    fn from_json(value: &Value) -> Option<Self> {
        <(Vec<u8>, u16)>::from_json(value).map(|(bytes, port)| Self(bytes, port))
    }
}

impl Json for CharAnd20 {
    fn to_json(&self) -> Value {
        json!([self.0.to_json(), self.1.to_json()])
    }

    fn from_json(value: &Value) -> Option<Self> {
        <([u8; 1], Vec<u8>)>::from_json(value).map(|(char, bytes)| Self(char, bytes))
    }
}

/// With the names of its fields, or without.
impl Json for Inner {
    fn to_json(&self) -> Value {
        json!({"number": self.number.to_json(), "data": self.data.to_json()})
    }

    fn from_json(value: &Value) -> Option<Self> {
        if value.is_array() {
            return <(u16, Vec<u8>)>::from_json(value).map(|(number, data)| Self { number, data });
        }
        Some(Self { number: u16::from_json(&value["number"])?, data: Json::from_json(&value["data"])? })
    }
}

/// The text of the host is what the C library's `inet_ntop` gives.
impl Json for Address {
    fn to_json(&self) -> Value {
        let kind = match self {
            Address::V4(_) => "ipv4",
            Address::V6(_) => "ipv6",
            Address::Domain(..) => "domain",
        };
        json!({"type": kind, "host": self.host(), "port": self.port()})
    }

    fn from_json(value: &Value) -> Option<Self> {
        let host = value["host"].as_str()?;
        let port = u16::from_json(&value["port"])?;
        match (value["type"].as_str()?, host.parse()) {
            ("ipv4", Ok(IpAddr::V4(ip))) => Some(Address::V4(SocketAddrV4::new(ip, port))),
            ("ipv6", Ok(IpAddr::V6(ip))) => Some(Address::V6(SocketAddrV6::new(ip, port, 0, 0))),
            ("domain", Err(_)) => Some(Address::from_host(host, port)),
            _ => None,
        }
    }
}

impl Json for SocketAddr {
    fn to_json(&self) -> Value {
        Address::from(*self).to_json()
    }

    fn from_json(value: &Value) -> Option<Self> {
        Address::from_json(value)?.socket_addr()
    }
}

impl Json for SocketAddrV4 {
    fn to_json(&self) -> Value {
        Address::from(*self).to_json()
    }

    fn from_json(value: &Value) -> Option<Self> {
        match Address::from_json(value)? {
            Address::V4(address) => Some(address),
            _ => None,
        }
    }
}

//! Names and values of a payload.

use std::net::{SocketAddr, SocketAddrV4};

use ipv8_core::messages::Flags;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// The value of a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A flag.
    Bool(bool),
    /// A number.
    Number(u64),
    /// Text: an address, a connection type.
    Text(String),
    /// Bytes, shown in hex.
    Bytes(Vec<u8>),
    /// Several values.
    List(Vec<Value>),
    /// Values with names.
    Fields(Fields),
}

/// Values with names, in the order of the message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// None as yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds one at the end.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}

/// A message that can be shown.
pub(crate) trait Describe {
    /// The name of the reference's class, without `Payload`.
    fn name(&self) -> &'static str;

    /// Its fields under the names of the reference's attributes, with the values that the reference reads.
    fn fields(self) -> Fields;
}

/// What the two highest flags of introduction messages say of the sender's NAT, in the reference's words.
pub(crate) fn connection_type(flags: Flags) -> &'static str {
    match (flags.has(0x80), flags.has(0x40)) {
        (false, false) => "unknown",
        (true, false) => "public",
        (true, true) => "symmetric-NAT",
        (false, true) => "N/A",
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Number(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<[u8; 20]> for Value {
    fn from(value: [u8; 20]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<SocketAddrV4> for Value {
    fn from(value: SocketAddrV4) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<SocketAddr> for Value {
    fn from(value: SocketAddr) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<Fields> for Value {
    fn from(value: Fields) -> Self {
        Self::Fields(value)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Self::List(values.into_iter().collect())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_str(&hex::encode(value)),
            Self::List(values) => serializer.collect_seq(values),
            Self::Fields(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

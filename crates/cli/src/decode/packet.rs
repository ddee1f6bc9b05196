//! From bytes to what is shown of them.

use std::fmt::Display;

use ipv8_crypto::PublicKey;
use ipv8_wire::{Packet, Reader, read_auth, split_signature};
use serde::Serialize;

use super::catalogue::{self, Kind};
use super::fields::Fields;
use crate::key::curve_name;

/// A packet that could be read. Its signature may still be wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Decoded {
    /// The community, in hex.
    pub community_id: String,
    /// The name of the community, if it is one of the reference's.
    pub community: Option<&'static str>,
    /// The byte after the prefix.
    pub msg_id: u8,
    /// The name of the message, if the community is known to have one of that id.
    pub message: Option<&'static str>,
    /// Whether it is signed. `None` for an unknown message that does not end in a valid signature: its layout is unknown.
    pub signed: Option<bool>,
    /// Whether the signature holds; `None` if there is none.
    pub signature_valid: Option<bool>,
    /// The sender's public key, in hex; `None` if the message is unsigned.
    pub public_key: Option<String>,
    /// The sender's mid, in hex; `None` if the message is unsigned.
    pub mid: Option<String>,
    /// The sender's clock; `None` for messages without one.
    pub global_time: Option<u64>,
    /// What the message says. The payload of an unknown message is a single field `raw`.
    pub payload: Fields,
    /// Length of the packet in bytes.
    pub size: usize,
    /// The curve of the sender's key.
    #[serde(skip)]
    pub curve: Option<String>,
}

/// A packet that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Unreadable {
    /// Why not.
    pub error: String,
    /// Its length in bytes; of a line that is no hex, how many bytes were read before that showed.
    pub size: usize,
}

/// Reads a line: a packet in hex, with white space around it at most.
///
/// # Errors
/// If it is no hex, or the packet cannot be read.
pub fn decode_line(line: &[u8]) -> Result<Decoded, Unreadable> {
    let text = line.trim_ascii();
    match hex::decode(text) {
        Ok(datagram) => decode_packet(&datagram),
        Err(error) => Err(Unreadable { error: not_hex(text, error), size: whole_bytes(text) }),
    }
}

/// How many bytes the digits at the start of a text make.
pub(super) fn whole_bytes(text: &[u8]) -> usize {
    text.iter().take_while(|digit| digit.is_ascii_hexdigit()).count() / 2
}

fn not_hex(text: &[u8], error: hex::FromHexError) -> String {
    match error {
        hex::FromHexError::InvalidHexCharacter { index, .. } => {
            let shown = text.get(index).map(|byte| byte.escape_ascii().to_string()).unwrap_or_default();
            format!("not hex: character {} is '{shown}'", index.saturating_add(1))
        }
        _ => format!("not hex: {} digits, but each byte has two", text.len()),
    }
}

/// Reads a packet.
///
/// # Errors
/// If the reference would not get as far as checking its signature: framing, public key or payload are broken.
pub fn decode_packet(datagram: &[u8]) -> Result<Decoded, Unreadable> {
    let unreadable = |error: String| Unreadable { error, size: datagram.len() };
    let packet = Packet::parse(datagram).map_err(|error| unreadable(error.to_string()))?;
    let read = match catalogue::kind(packet.community_id(), packet.message_id()) {
        Some(kind) => known(datagram, packet.body(), kind).map_err(unreadable)?,
        None => unknown(datagram, packet.body()),
    };
    Ok(Decoded {
        community_id: packet.community_id().to_string(),
        community: catalogue::community_name(packet.community_id()),
        msg_id: packet.message_id(),
        message: read.message,
        signed: read.signed,
        signature_valid: read.sender.as_ref().map(|sender| sender.valid),
        public_key: read.sender.as_ref().map(|sender| hex::encode(sender.key.as_bytes())),
        mid: read.sender.as_ref().map(|sender| sender.key.mid().to_string()),
        global_time: read.global_time,
        payload: read.payload,
        size: datagram.len(),
        curve: read.sender.map(|sender| curve_name(&sender.key)),
    })
}

/// Who signed, and whether that is true.
struct Sender<'a> {
    key: PublicKey,
    valid: bool,
    /// What lies between key and signature.
    rest: &'a [u8],
}

/// What differs between known and unknown messages.
struct Read<'a> {
    message: Option<&'static str>,
    signed: Option<bool>,
    sender: Option<Sender<'a>>,
    global_time: Option<u64>,
    payload: Fields,
}

fn known<'a>(datagram: &'a [u8], body: &'a [u8], kind: Kind) -> Result<Read<'a>, String> {
    let sender = if kind.signed { Some(sender(datagram).map_err(|error| within(kind.name, error))?) } else { None };
    let mut reader = Reader::new(sender.as_ref().map_or(body, |sender| sender.rest));
    let global_time = match kind.global_time {
        true => Some(reader.u64().map_err(|error| error.at("global time").at(kind.name).to_string())?),
        false => None,
    };
    let payload = (kind.read)(reader.remaining()).map_err(|error| error.to_string())?;
    let message = Some(payload.name);
    Ok(Read { message, signed: Some(kind.signed), sender, global_time, payload: payload.fields })
}

/// A message of unknown layout: only a signature that holds tells that it is signed.
fn unknown<'a>(datagram: &'a [u8], body: &'a [u8]) -> Read<'a> {
    let sender = sender(datagram).ok().filter(|sender| sender.valid);
    let raw = sender.as_ref().map_or(body, |sender| sender.rest);
    let payload = Fields::new().with("raw", raw);
    Read { message: None, signed: sender.as_ref().map(|_| true), sender, global_time: None, payload }
}

/// Reads the key of a signed packet and checks its signature.
fn sender(datagram: &[u8]) -> Result<Sender<'_>, String> {
    let auth = read_auth(datagram).map_err(|error| error.to_string())?;
    let key = PublicKey::from_bytes(auth.key()).map_err(|error| format!("public key: {error}"))?;
    let (signed, signature) = split_signature(datagram, key.signature_len()).map_err(|error| error.to_string())?;
    if signed.len() < auth.rest_offset() {
        return Err("the packet ends within its public key and signature".to_owned());
    }
    let valid = key.verify(signed, signature);
    Ok(Sender { valid, rest: auth.rest(signed), key })
}

fn within(message: &str, error: impl Display) -> String {
    format!("{message}: {error}")
}

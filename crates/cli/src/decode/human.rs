//! The form for people: a compact tree for each packet.

use std::fmt::Write as _;

use super::fields::{Fields, Value};
use super::packet::{Decoded, Unreadable};

/// Bytes that are shown in full; longer ones are cut, with their length.
const SHOWN_BYTES: usize = 48;

/// What is printed for the packet on line `number`.
pub(super) fn text(number: u64, decoded: &Result<Decoded, Unreadable>) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = match decoded {
        Ok(packet) => write_packet(&mut text, number, packet),
        Err(unreadable) => write!(text, "#{number} unreadable ({} bytes): {}", unreadable.size, unreadable.error),
    };
    text
}

fn write_packet(text: &mut String, number: u64, packet: &Decoded) -> std::fmt::Result {
    let message = packet.message.unwrap_or("unknown message");
    write!(text, "#{number} {message} ({}), {} bytes", packet.msg_id, packet.size)?;
    let name = packet.community.unwrap_or("unknown");
    write!(text, "\n  community: {name} {}", packet.community_id)?;
    if let Some(mid) = &packet.mid {
        let curve = packet.curve.as_deref().unwrap_or("unknown curve");
        let verdict = if packet.signature_valid == Some(true) { "valid" } else { "INVALID" };
        write!(text, "\n  sender: {mid} ({curve}), signature {verdict}")?;
    } else {
        let reason = if packet.signed.is_none() { "unknown" } else { "unsigned" };
        write!(text, "\n  sender: {reason}")?;
    }
    if let Some(time) = packet.global_time {
        write!(text, "\n  global time: {time}")?;
    }
    write_fields(text, &packet.payload, 2)
}

fn write_fields(text: &mut String, fields: &Fields, indent: usize) -> std::fmt::Result {
    for (name, value) in fields.iter() {
        write!(text, "\n{:indent$}{name}:", "")?;
        write_value(text, value, indent + 2)?;
    }
    Ok(())
}

fn write_value(text: &mut String, value: &Value, indent: usize) -> std::fmt::Result {
    match value {
        Value::Bool(value) => write!(text, " {value}"),
        Value::Number(value) => write!(text, " {value}"),
        Value::Text(value) => write!(text, " {value}"),
        Value::Bytes(bytes) if bytes.is_empty() => write!(text, " -"),
        Value::Bytes(bytes) => match bytes.get(..SHOWN_BYTES) {
            Some(start) if bytes.len() > 2 * SHOWN_BYTES => {
                write!(text, " {}… ({} bytes)", hex::encode(start), bytes.len())
            }
            _ => write!(text, " {}", hex::encode(bytes)),
        },
        Value::List(values) if values.is_empty() => write!(text, " -"),
        Value::List(values) if !values.iter().all(is_long) => {
            values.iter().try_for_each(|value| write_value(text, value, indent))
        }
        Value::List(values) => values.iter().try_for_each(|value| {
            write!(text, "\n{:indent$}-", "")?;
            write_value(text, value, indent + 2)
        }),
        Value::Fields(fields) => write_fields(text, fields, indent),
    }
}

/// Whether a value has a line of its own in a list: numbers go with what they count.
fn is_long(value: &Value) -> bool {
    !matches!(value, Value::Number(_) | Value::Bool(_))
}

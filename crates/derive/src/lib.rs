//! Derive macros for IPv8 messages and payloads. Use them through `ipv8_wire` or the facade `ipv8`.

mod attrs;
mod expand;
mod input;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `Message`, `Payload` and `Outgoing`: the fields in their order are the payload.
///
/// On the struct, `#[message(...)]`:
///
/// | attribute | meaning |
/// |---|---|
/// | `id = 1` | the message id, 0 to 255; always needed |
/// | `unsigned` | the message carries no key and no signature |
/// | `global_time` | a `u64` global time precedes the payload |
/// | `name = "..."` | its name in errors and logs, instead of that of the type |
/// | `reply = Answer` | it is a `Request`, answered by `Answer` |
///
/// and `#[wire(crate = path)]`, the path of `ipv8_wire`, where it is not found by itself.
///
/// On a field, `#[wire(...)]`:
///
/// | attribute | meaning |
/// |---|---|
/// | `as = Format` | packed by that format instead of the one of the type |
/// | `raw` | all bytes that are left, for the last field: `as = Raw` |
/// | `bits` | eight flags in one byte: `as = Bits` |
/// | `inline` | the fields of another payload, without a size |
/// | `identifier` | the number that ties an answer to its request; a field named `identifier` needs no mark |
///
/// A message with an identifier of type `u16`, `u32` or `u64` also implements `Identified`.
///
/// The struct may have one lifetime: it then borrows from the packet.
#[proc_macro_derive(Message, attributes(message, wire))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::message(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `Payload` and `Wire`: the fields in their order, nested in others after their size (format `payload`).
///
/// On the struct, `#[wire(name = "...")]` gives it a name in errors other than that of the type, and
/// `#[wire(crate = path)]` the path of `ipv8_wire`. The fields take the same attributes as those of a message, except
/// `identifier`. The struct may have one lifetime and type parameters.
#[proc_macro_derive(Payload, attributes(wire))]
pub fn derive_payload(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::payload(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

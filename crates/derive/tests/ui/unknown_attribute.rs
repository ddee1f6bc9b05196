use ipv8_wire::{Message, Payload};

#[derive(Message)]
#[message(id = 1, singed)]
struct Container {
    number: u32,
}

#[derive(Message)]
#[message(id = 1)]
#[wire(name = "other")]
struct WrongPlace {
    number: u32,
}

#[derive(Message)]
#[message(id = 1)]
struct OfField {
    #[wire(rest)]
    number: u32,
    #[wire(with = 5)]
    more: u32,
}

#[derive(Payload)]
struct Nested {
    #[wire(identifier)]
    number: u32,
}

fn main() {}

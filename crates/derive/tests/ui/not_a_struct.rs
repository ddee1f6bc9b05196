use ipv8_wire::{Message, Payload};

#[derive(Message)]
#[message(id = 1)]
enum Choice {
    Yes,
    No,
}

#[derive(Payload)]
union Either {
    a: u8,
    b: i8,
}

fn main() {}

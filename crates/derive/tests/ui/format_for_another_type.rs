use ipv8_wire::{Payload, VarlenI};

#[derive(Payload)]
struct Numbers {
    #[wire(as = VarlenI)]
    number: u32,
    #[wire(bits)]
    flags: u16,
    #[wire(inline)]
    inner: u8,
}

fn main() {}

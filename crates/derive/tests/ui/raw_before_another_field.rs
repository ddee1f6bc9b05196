use ipv8_wire::Payload;

#[derive(Payload)]
struct Short {
    #[wire(raw)]
    rest: Vec<u8>,
    number: u8,
}

#[derive(Payload)]
struct Named {
    #[wire(as = ipv8_wire::Raw)]
    rest: Vec<u8>,
    number: u8,
}

fn main() {}

use ipv8_wire::Message;

#[derive(Message)]
#[message(id = 1, id = 2)]
struct TwoIds {
    number: u32,
}

#[derive(Message)]
#[message(id = 1, unsigned = true)]
struct Valued {
    number: u32,
}

#[derive(Message)]
#[message(id = 1)]
struct TwoFormats {
    #[wire(raw, as = ipv8_wire::VarlenI)]
    data: Vec<u8>,
}

fn main() {}

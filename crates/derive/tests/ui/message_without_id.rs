use ipv8_wire::Message;

#[derive(Message)]
struct Clock {
    clock: u32,
}

fn main() {}

use ipv8_wire::Message;

#[derive(Message)]
#[message(id = 256)]
struct Clock {
    clock: u32,
}

#[derive(Message)]
#[message(id = "one")]
struct Text {
    clock: u32,
}

fn main() {}

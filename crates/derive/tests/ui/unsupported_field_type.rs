use std::time::Duration;

use ipv8_wire::Message;

#[derive(Message)]
#[message(id = 1)]
struct Sleep {
    number: u32,
    duration: Duration,
}

fn main() {}

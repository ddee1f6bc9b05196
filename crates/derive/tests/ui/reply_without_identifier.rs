use ipv8_wire::Message;

#[derive(Message)]
#[message(id = 1, reply = Answer)]
struct Question {
    identifier: u32,
}

#[derive(Message)]
#[message(id = 2)]
struct Answer {
    value: u32,
}

fn main() {}

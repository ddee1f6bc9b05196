use ipv8_wire::Message;

#[derive(Message)]
#[message(id = 1)]
struct Marked {
    #[wire(identifier)]
    name: String,
}

#[derive(Message)]
#[message(id = 2, reply = Answer)]
struct Question {
    identifier: u8,
}

#[derive(Message)]
#[message(id = 3)]
struct Answer {
    identifier: u32,
}

#[derive(Message)]
#[message(id = 4, reply = Answer)]
struct Nameless {
    number: u32,
}

#[derive(Message)]
#[message(id = 5)]
struct Two {
    #[wire(identifier)]
    a: u32,
    #[wire(identifier)]
    b: u32,
}

fn main() {}

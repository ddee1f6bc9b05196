use ipv8_wire::Message;

#[derive(Message)]
#[message(id = 1)]
struct Generic<T> {
    value: T,
}

#[derive(Message)]
#[message(id = 1)]
struct TwoLifetimes<'a, 'b> {
    a: &'a [u8],
    b: &'b [u8],
}

fn main() {}

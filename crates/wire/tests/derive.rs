//! What the derives make of structs.
#![cfg(feature = "derive")]

use std::net::{SocketAddr, SocketAddrV4};

use ipv8_wire::{Auth, Identified, Message, Outgoing, Payload, ReadErrorKind, Reader, Request, VarlenI, Wire, Writer};

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 1)]
struct Clock {
    clock: u32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 2, unsigned, global_time, name = "blob")]
struct Blob<'b> {
    data: &'b [u8],
    #[wire(raw)]
    rest: &'b [u8],
}

#[derive(Message, Debug, PartialEq)]
#[message(id = 3, reply = Answer)]
struct Question {
    identifier: u16,
    text: String,
}

#[derive(Message, Debug, PartialEq)]
#[message(id = 4)]
struct Answer {
    #[wire(identifier)]
    number: u64,
    nodes: Vec<Node>,
}

#[derive(Payload, Debug, PartialEq)]
struct Node {
    address: SocketAddr,
    key: Vec<u8>,
}

#[derive(Payload, Debug, PartialEq)]
struct Introduction {
    lan: SocketAddrV4,
    #[wire(bits)]
    flags: [bool; 8],
    #[wire(inline)]
    node: Node,
    #[wire(as = VarlenI)]
    long: Vec<u8>,
    ids: Vec<[u8; 20]>,
}

#[derive(Payload, Debug, PartialEq)]
struct Pair<T>(u8, T);

#[test]
fn owned_messages() {
    let bytes = Clock { clock: 258 }.encode().unwrap();
    assert_eq!(bytes, [0, 0, 1, 2]);
    assert_eq!(Clock::decode(&bytes), Ok(Clock { clock: 258 }));
    assert_eq!(<Clock as Message>::ID, 1);
    assert_eq!(<Clock as Message>::NAME, "Clock");
    assert_eq!((<<Clock as Message>::Auth as Auth>::SIGNED, <Clock as Message>::GLOBAL_TIME), (true, false));
    let error = Clock::decode(&[1, 2, 3]).unwrap_err();
    assert_eq!(error.to_string(), "Clock.clock: needs 4 bytes at offset 0, 3 are left");
    assert_eq!(Clock::decode(&[0; 6]).unwrap_err().kind(), ReadErrorKind::TrailingBytes(2));
}

#[test]
fn borrowing_messages() {
    fn decode<M: Message>(bytes: &[u8]) -> M::Of<'_> {
        M::Of::decode(bytes).unwrap()
    }
    fn send(message: &impl Outgoing) -> Vec<u8> {
        let mut w = Writer::new();
        message.write_fields(&mut w).unwrap();
        w.into_vec()
    }
    let packet = vec![0, 1, 9, 8, 7];
    let blob = decode::<Blob<'static>>(&packet);
    assert_eq!(blob, Blob { data: &[9], rest: &[8, 7] });
    assert_eq!(send(&blob), packet);
    assert_eq!((<Blob<'_> as Outgoing>::ID, <Blob<'_> as Outgoing>::NAME), (2, "blob"));
    assert_eq!((<Blob<'_> as Outgoing>::SIGNED, <Blob<'_> as Outgoing>::GLOBAL_TIME), (false, true));
}

#[test]
fn requests_and_identifiers() {
    fn ask<R: Request>(mut request: R) -> (u64, u64, u8) {
        request.set_identifier(0x1_0007);
        (request.identifier(), <R::Reply as Identified>::IDENTIFIER_MAX, <R::Reply as Message>::ID)
    }
    let question = Question { identifier: 0, text: "?".into() };
    assert_eq!(ask(question), (7, u64::MAX, 4));
    assert_eq!(Question::IDENTIFIER_MAX, 0xffff);
}

#[test]
fn formats_of_fields() {
    let node = Node { address: "1.2.3.4:5".parse().unwrap(), key: vec![0xab] };
    let introduction = Introduction {
        lan: "10.0.0.1:258".parse().unwrap(),
        flags: [true, false, false, false, false, false, false, true],
        node: Node { key: vec![0xab], ..node },
        long: vec![1],
        ids: vec![[7; 20]],
    };
    let bytes = introduction.encode().unwrap();
    let expected = [&[10, 0, 0, 1, 1, 2, 0x81][..], &[1, 1, 2, 3, 4, 0, 5, 0, 1, 0xab], &[0, 0, 0, 1, 1, 1], &[7; 20]];
    assert_eq!(bytes, expected.concat());
    assert_eq!(Introduction::decode(&bytes), Ok(introduction));

    let answer = Answer { number: 1, nodes: vec![node] };
    let bytes = answer.encode().unwrap();
    assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 10, 1, 1, 2, 3, 4, 0, 5, 0, 1, 0xab]);
    let error = Answer::decode(&bytes[..18]).unwrap_err();
    assert_eq!(error.to_string(), "Answer.nodes.key: needs 2 bytes at offset 18, 0 are left");
    assert_eq!(Answer::decode(&bytes), Ok(answer));

    assert_eq!(Pair(1, 2_u16).encode().unwrap(), [1, 0, 2]);
    assert_eq!(Pair::decode(&[1, 0, 1, 9]), Ok(Pair(1, vec![9_u8])));
}

/// Where the crate is only reached through another one.
mod elsewhere {
    pub(crate) use ipv8_wire as wire;
}

#[test]
fn the_path_of_the_crate_can_be_given() {
    #[derive(Payload)]
    #[wire(crate = elsewhere::wire, name = "inner")]
    struct Inner(u8);

    #[derive(Message)]
    #[message(id = b'q')]
    #[wire(crate = "elsewhere::wire")]
    struct Outer {
        #[wire(as = "ipv8_wire::VarlenI")]
        r#type: Vec<u8>,
        inner: Inner,
    }

    let bytes = Outer { r#type: vec![1], inner: Inner(2) }.encode().unwrap();
    assert_eq!(bytes, [0, 0, 0, 1, 1, 0, 1, 2]);
    assert_eq!((<Outer as Message>::ID, <Inner as Payload>::NAME), (113, "inner"));
    let error = Outer::decode(&bytes[..3]).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "Outer.type: needs 4 bytes at offset 0, 3 are left");
}

/// A message without fields, and a list of payloads without fields.
#[test]
fn empty_structs() {
    #[derive(Message, Debug, PartialEq)]
    #[message(id = 0)]
    struct Hello;
    #[derive(Payload, Debug, PartialEq)]
    struct Nothing {}

    assert_eq!(Hello.encode(), Ok(vec![]));
    assert_eq!(Hello::decode(&[]), Ok(Hello));
    assert_eq!(Hello::decode(&[1]).unwrap_err().to_string(), "Hello: 1 bytes too many at offset 0");
    let bytes = (vec![Nothing {}, Nothing {}],);
    let mut w = Writer::new();
    bytes.write(&mut w).unwrap();
    assert_eq!(w.as_slice(), [2, 0, 0, 0, 0]);
    assert_eq!(Wire::read(&mut Reader::new(w.as_slice())), Ok(bytes));
}

#[test]
fn errors_of_writing_name_the_field() {
    let node = Node { address: "1.2.3.4:5".parse().unwrap(), key: vec![0; 65_536] };
    let error = Answer { number: 1, nodes: vec![node] }.encode().unwrap_err();
    assert_eq!(error.to_string(), "Answer.nodes.key: 65536 bytes do not fit, at most 65535 do");

    let node = || Node { address: "1.2.3.4:5".parse().unwrap(), key: vec![0; 65_530] };
    let error = Answer { number: 1, nodes: vec![node()] }.encode().unwrap_err();
    assert_eq!(error.to_string(), "Answer.nodes: 65539 bytes do not fit, at most 65535 do");
    let nodes = (0..256).map(|_| Node { key: vec![], ..node() }).collect();
    let error = Answer { number: 1, nodes }.encode().unwrap_err();
    assert_eq!(error.to_string(), "Answer.nodes: 256 items do not fit, at most 255 do");
}

//! Where the two reading modes differ, and what neither lets pass.
#![cfg(feature = "derive")]

use std::fmt::Debug;

use ipv8_wire::{Format, MAX_DEPTH, Mode, Payload, ReadErrorKind, Reader, VarlenHx20, Wire};

#[derive(Payload, Debug, PartialEq)]
struct Inner {
    number: u8,
}

/// Reads the same bytes in both modes.
fn both<T: for<'a> Wire<'a> + Debug>(bytes: &[u8]) -> (Result<T, ReadErrorKind>, Result<T, ReadErrorKind>) {
    let read = |mode| T::read(&mut Reader::with_mode(bytes, mode)).map_err(|error| error.kind());
    (read(Mode::Compatible), read(Mode::Strict))
}

#[test]
fn lengths_beyond_the_end() {
    fn cut<T>(needed: usize, left: usize) -> Result<T, ReadErrorKind> {
        Err(ReadErrorKind::UnexpectedEnd { needed, left })
    }
    assert_eq!(both::<Vec<u8>>(&[0, 3, 7]), (Ok(vec![7]), cut(3, 1)));
    assert_eq!(both::<String>(&[0, 3, b'a']), (Ok("a".into()), cut(3, 1)));
    assert_eq!(both::<Vec<bool>>(&[3, 0, 1]), (Ok(vec![true]), cut(3, 1)));
    assert_eq!(both::<Inner>(&[0, 3, 7]), (Ok(Inner { number: 7 }), cut(3, 1)));
}

#[test]
fn bools_other_than_0_and_1() {
    assert_eq!(both::<bool>(&[2]), (Ok(true), Err(ReadErrorKind::InvalidBool(2))));
    assert_eq!(both::<Vec<bool>>(&[1, 0, 0xff]), (Ok(vec![true]), Err(ReadErrorKind::InvalidBool(0xff))));
}

#[test]
fn bytes_after_a_nested_payload() {
    assert_eq!(both::<Inner>(&[0, 3, 7, 8, 9]), (Ok(Inner { number: 7 }), Err(ReadErrorKind::TrailingBytes(2))));
    assert_eq!(both::<(Inner, u8)>(&[0, 2, 7, 8, 9]).0, Ok((Inner { number: 7 }, 9)));
}

#[test]
fn lists_that_end_within_an_item() {
    let bytes = [&[0, 2][..], &[7; 20], &[8; 3]].concat();
    let ids: Vec<[u8; 20]> = VarlenHx20::read(&mut Reader::new(&bytes)).unwrap();
    assert_eq!(ids, [[7; 20]]);
    let partial = Err(ReadErrorKind::PartialItem(8));
    let cut = Err(ReadErrorKind::UnexpectedEnd { needed: 8, left: 7 });
    assert_eq!(both::<Vec<i64>>(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), (partial, cut));
}

#[test]
fn trailing_bytes_are_refused_in_both_modes() {
    for mode in [Mode::Compatible, Mode::Strict] {
        let r = Reader::with_mode(&[1], mode);
        assert_eq!(r.finish().map_err(|error| error.kind()), Err(ReadErrorKind::TrailingBytes(1)));
    }
}

#[derive(Payload, Debug)]
struct Tree {
    branches: Vec<Tree>,
}

impl Tree {
    fn of_depth(depth: u8) -> Self {
        let grow = |branch| Tree { branches: vec![branch] };
        (0..depth).fold(Tree { branches: Vec::new() }, |tree, _| grow(tree))
    }
}

/// A recursive type must not let a packet use up the stack.
#[test]
fn nesting_has_an_end() {
    for mode in [Mode::Compatible, Mode::Strict] {
        let read = |bytes: &[u8]| {
            let mut r = Reader::with_mode(bytes, mode);
            Tree::read_fields(&mut r).map(|_| ()).map_err(|error| error.kind())
        };
        assert_eq!(read(&Tree::of_depth(MAX_DEPTH).encode().unwrap()), Ok(()));
        assert_eq!(read(&Tree::of_depth(MAX_DEPTH + 1).encode().unwrap()), Err(ReadErrorKind::TooDeep));
    }
    let hostile = [1, 0xff, 0xff].repeat(20_000);
    assert_eq!(Tree::decode(&hostile).unwrap_err().kind(), ReadErrorKind::TooDeep);
}

/// Offsets count from the start of the outermost input; the path is cut in the middle.
#[test]
fn errors_name_the_place() {
    let bytes = Tree::of_depth(MAX_DEPTH + 1).encode().unwrap();
    let error = Tree::decode(&bytes).unwrap_err();
    let reason = "payloads are nested more than 64 deep at offset 195";
    assert_eq!(error.to_string(), format!("Tree..branches.branches.branches: {reason}"));

    let error = <(Inner, Inner)>::read(&mut Reader::new(&[0, 1, 7, 0, 0, 9])).unwrap_err().at("pair");
    assert_eq!(error.to_string(), "pair.number: needs 1 bytes at offset 5, 0 are left");
    assert_eq!(error.offset(), 5);
}

/// What a list allocates ahead is bounded by the bytes that are there.
#[test]
fn counts_do_not_allocate() {
    #[derive(Payload, Debug)]
    #[allow(dead_code, reason = "only its size counts")]
    struct Big([u8; 1000]);
    let error = Vec::<Big>::read(&mut Reader::new(&[255])).unwrap_err();
    assert_eq!(error.kind(), ReadErrorKind::UnexpectedEnd { needed: 2, left: 0 });
    assert_eq!((<Big as Wire>::MIN_LEN, <Vec<Big> as Wire>::MIN_LEN), (1002, 1));
}

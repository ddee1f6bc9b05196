//! What does not compile, and what the compiler says about it.
//!
//! After a wanted change, `TRYBUILD=overwrite cargo test -p ipv8-derive` writes the messages anew.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

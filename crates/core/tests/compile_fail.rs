//! What must not compile: each error tells what to write instead. `TRYBUILD=overwrite` renews the expected texts.

#[test]
fn mistakes_in_communities_are_explained() {
    let cases = trybuild::TestCases::new();
    // That one of them compiles also makes sure that the others are compiled to the end: ids are compared there.
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}

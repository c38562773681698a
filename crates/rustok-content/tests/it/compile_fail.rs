//! What must not compile does not, and for the reason that is expected.

#[test]
fn illegal_transitions_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

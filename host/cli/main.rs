//! kubephase.
fn main() {}

//! What people run by `cargo xtask`.
fn main() {}

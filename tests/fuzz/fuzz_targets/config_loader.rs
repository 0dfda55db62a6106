//! libFuzzer's side of `config_loader`.
#![no_main]

#[path = "../config_loader.rs"]
mod config_loader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| config_loader::run(bytes));

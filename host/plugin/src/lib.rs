//! Plugins as WebAssembly components: loading, grants, sandbox. The only crate that knows wasmtime.

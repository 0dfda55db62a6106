//! A plugin as an artifact: where it comes from, which it is, who signed it. Knows no WebAssembly.

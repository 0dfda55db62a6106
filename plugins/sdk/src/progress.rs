//! Telling how far something is. Needs no grant.

/// Tells what is being done (one line) and how much of it is done, in percent (0 to 100), if that is known.
pub fn report(what: impl AsRef<str>, percent: Option<u8>) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::base::kubephase::plugin::progress::report(what.as_ref(), percent);
    #[cfg(not(target_arch = "wasm32"))]
    crate::log::info(format!("{} {percent:?}", what.as_ref()));
}

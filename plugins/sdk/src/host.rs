//! Calls of what kubephase provides, where it is there.

/// The value of a call of generated bindings; natively, where nobody answers, a failure.
macro_rules! ask {
    ($call:expr) => {{
        #[cfg(target_arch = "wasm32")]
        let answer = $call;
        #[cfg(not(target_arch = "wasm32"))]
        let answer = {
            let _ = || $call;
            Err(crate::Failure::unavailable("there is nobody to ask: this does not run inside kubephase"))
        };
        answer
    }};
}

pub(crate) use ask;

//! Write plugins for kubephase in Rust.
//!
//! A plugin is a type that implements [`Plugin`] and one or more of [`Preflight`], [`Addon`], [`Mutator`] and [`Phase`];
//! [`export!`] makes a component of it. It never acts: it reads what the operator granted by [`facts`], [`files`],
//! [`kube`], [`http`] and [`probe`], and returns findings or a [`Proposal`], which kubephase checks, shows, applies,
//! journals and undoes.
//!
//! ```
//! use kubephase_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(default, rename_all = "camelCase", deny_unknown_fields)]
//! struct Settings {
//!     minimum: u32,
//! }
//!
//! impl Default for Settings {
//!     fn default() -> Self {
//!         Self { minimum: 2 }
//!     }
//! }
//!
//! struct Processors;
//!
//! impl Plugin for Processors {
//!     type Settings = Settings;
//!
//!     fn describe() -> Description {
//!         Description::new("processors", env!("CARGO_PKG_VERSION"), "Counts processors")
//!             .settings_schema(r#"{"properties": {"minimum": {"type": "integer", "minimum": 1}}}"#)
//!             .wants("facts", ["cpu"], "count the processors")
//!     }
//! }
//!
//! impl Preflight for Processors {
//!     fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
//!         let count = facts::cpu()?.count;
//!         if count >= settings.minimum {
//!             return Ok(Vec::new());
//!         }
//!         let finding = Finding::error("TooFew", format!("this machine has {count} processors"));
//!         Ok(vec![finding.expected(format!("at least {}", settings.minimum)).remedy("use a larger machine")])
//!     }
//! }
//!
//! kubephase_sdk::export!(Processors: preflight);
//! ```
//!
//! What the functions of [`facts`] and its like mean is said in the WIT package `kubephase:plugin`, which this crate
//! follows. On targets other than `wasm32` they fail with `unavailable`, so that the pure parts of a plugin can be
//! tested natively by `cargo test`.

#[doc(hidden)]
pub mod bindings;
mod description;
#[doc(hidden)]
pub mod exported;
pub mod facts;
mod failure;
mod file;
pub mod files;
mod finding;
mod host;
pub mod http;
mod images;
pub mod kube;
pub mod log;
mod patch;
mod plugin;
pub mod pod;
pub mod probe;
pub mod progress;
mod proposal;
mod settings;
mod wait;

pub use bindings::base::exports::kubephase::plugin::metadata::{Description, Want};
pub use bindings::base::kubephase::plugin::types::{
    Failure, File, Finding, Object, Patch, Proposal, Random, Severity, Wait,
};
pub use plugin::{Addon, Mutator, Phase, Plugin, Preflight};
pub use pod::{Mount, StaticPod};
pub use serde;
pub use serde_json;

/// Everything that most plugins use.
pub mod prelude {
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};

    pub use crate::{
        Addon, Description, Failure, File, Finding, Mount, Mutator, Patch, Phase, Plugin, Preflight, Proposal, Random,
        Severity, StaticPod, Wait, facts, files, http, kube, log, probe, progress,
    };
}

/// Makes a component of a type: `export!(MyPlugin: preflight, mutator);`, once per crate. What stands behind the colon is
/// any subset of `preflight`, `addon`, `mutator` and `phase`; the type must implement the traits of that names.
#[macro_export]
macro_rules! export {
    ($plugin:ty : $($kind:ident),+ $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "what the canonical ABI asks for, generated")]
        const _: () = {
            type Exported = $crate::exported::Exported<$plugin>;
            $crate::bindings::base::export_base!(Exported with_types_in $crate::bindings::base);
            $($crate::__export_kind!($kind Exported);)+
        };
        // Natively nothing is exported, but it is checked that it could be.
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            $($crate::__check_kind!($kind $plugin);)+
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_kind {
    (preflight $ty:ident) => {
        $crate::bindings::preflight::export_preflight!($ty with_types_in $crate::bindings::preflight);
    };
    (addon $ty:ident) => {
        $crate::bindings::addon::export_addon!($ty with_types_in $crate::bindings::addon);
    };
    (mutator $ty:ident) => {
        $crate::bindings::mutator::export_mutator!($ty with_types_in $crate::bindings::mutator);
    };
    (phase $ty:ident) => {
        $crate::bindings::phase::export_phase!($ty with_types_in $crate::bindings::phase);
    };
    ($kind:ident $ty:ident) => {
        compile_error!(concat!(
            "there is no kind `",
            stringify!($kind),
            "` of plugins, only `preflight`, `addon`, `mutator` and `phase`"
        ));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __check_kind {
    (preflight $ty:ty) => {
        const _: fn() -> $crate::exported::Findings = $crate::exported::check::<$ty>;
    };
    (addon $ty:ty) => {
        const _: fn() -> $crate::exported::Proposed = $crate::exported::render::<$ty>;
    };
    (mutator $ty:ty) => {
        const _: fn(String, String) -> $crate::exported::Proposed = $crate::exported::mutate::<$ty>;
    };
    (phase $ty:ty) => {
        const _: fn() -> $crate::exported::Proposed = $crate::exported::run::<$ty>;
    };
    ($kind:ident $ty:ty) => {
        compile_error!(concat!(
            "there is no kind `",
            stringify!($kind),
            "` of plugins, only `preflight`, `addon`, `mutator` and `phase`"
        ));
    };
}

//! From what the canonical ABI calls to the traits of [`crate::plugin`]: reads the settings, tells panics.

use std::marker::PhantomData;

use serde_json::Value;

use crate::bindings::{addon, base, mutator, phase, preflight};
use crate::{Addon, Description, Failure, Finding, Mutator, Phase, Plugin, Preflight, Proposal, log, settings};

/// The type that [`crate::export!`] exports in the plugin's place.
pub struct Exported<T>(PhantomData<T>);

/// What a check gives.
pub type Findings = Result<Vec<Finding>, Failure>;
/// What the others give.
pub type Proposed = Result<Proposal, Failure>;

/// `preflight.check`.
pub fn check<T: Preflight>() -> Findings {
    tell_panics();
    T::check(settings::read()?)
}

/// `addon.render`.
pub fn render<T: Addon>() -> Proposed {
    tell_panics();
    T::render(settings::read()?)
}

/// `mutator.mutate`.
pub fn mutate<T: Mutator>(target: String, document: String) -> Proposed {
    tell_panics();
    let settings = settings::read()?;
    let document: Value = serde_json::from_str(&document)
        .map_err(|error| Failure::invalid(format!("the document of {target} is not JSON: {error}")))?;
    T::mutate(settings, &target, document)
}

/// `phase.run`.
pub fn run<T: Phase>() -> Proposed {
    tell_panics();
    T::run(settings::read()?)
}

impl<T: Plugin> base::exports::kubephase::plugin::metadata::Guest for Exported<T> {
    fn describe() -> Description {
        // Nothing may be imported by it, so a panic in here stays silent.
        T::describe()
    }
}

impl<T: Preflight> preflight::exports::kubephase::plugin::preflight::Guest for Exported<T> {
    fn check() -> Findings {
        check::<T>()
    }
}

impl<T: Addon> addon::exports::kubephase::plugin::addon::Guest for Exported<T> {
    fn render() -> Proposed {
        render::<T>()
    }

    fn images() -> Result<Vec<String>, Failure> {
        tell_panics();
        T::images(settings::read()?)
    }

    fn uninstall() -> Proposed {
        tell_panics();
        T::uninstall(settings::read()?)
    }
}

impl<T: Mutator> mutator::exports::kubephase::plugin::mutator::Guest for Exported<T> {
    fn mutate(target: String, document: String) -> Proposed {
        mutate::<T>(target, document)
    }
}

impl<T: Phase> phase::exports::kubephase::plugin::phase::Guest for Exported<T> {
    fn run() -> Proposed {
        run::<T>()
    }
}

/// A panic would be a bare trap, without a word.
fn tell_panics() {
    if cfg!(target_arch = "wasm32") {
        std::panic::set_hook(Box::new(|panic| log::error(panic.to_string().replace('\n', ": "))));
    }
}

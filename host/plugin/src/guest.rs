//! One component, ready to be called: its code, its indices, its linked imports. Calling it is a question and an answer;
//! what the answer may mean is judged elsewhere.

use std::sync::Arc;
use std::time::Duration;

use kubephase_model::plugin::proposal::Failure;
use kubephase_model::plugin::{Description, Finding, Grants, Kind, Proposal};
use kubephase_workflow::extension::ExtensionFailure;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::bindings::exports::kubephase::plugin::{addon, metadata, mutator, phase, preflight};
use crate::caps::{self, CAPS};
use crate::compiled::CompiledCache;
use crate::component::{self, Shape};
use crate::convert;
use crate::engine::engine;
use crate::error::{CallError, LoadError};
use crate::limits::Limits;
use crate::sandbox::{Failed, Sandbox, State};
use crate::told::{Ear, one_line};
use crate::world::{World, nowhere};

/// How long describing itself may take.
const DESCRIBE: Duration = Duration::from_secs(1);
/// How long compiling may take: wasmtime bounds how long code runs, not how long it is compiled.
const COMPILE: Duration = Duration::from_secs(120);

/// A component that may be called.
pub struct Guest {
    shape: Shape,
    component: Component,
    /// Linked with what is granted; before that with nothing that needs a grant.
    pre: InstancePre<State>,
    /// Whether its code came from the cache.
    pub warm: bool,
}

/// An export and how long it may take if nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// `preflight.check`
    Check,
    /// `addon.render`
    Render,
    /// `addon.images`
    Images,
    /// `addon.uninstall`
    Uninstall,
    /// `mutator.mutate`
    Mutate,
    /// `phase.run`
    Run,
}

impl Export {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Check, Self::Render, Self::Images, Self::Uninstall, Self::Mutate, Self::Run];

    /// As it is called in messages and test cases.
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "preflight.check",
            Self::Render => "addon.render",
            Self::Images => "addon.images",
            Self::Uninstall => "addon.uninstall",
            Self::Mutate => "mutator.mutate",
            Self::Run => "phase.run",
        }
    }

    /// The kind of plugin that has it.
    pub fn kind(self) -> Kind {
        match self {
            Self::Check => Kind::Preflight,
            Self::Render | Self::Images | Self::Uninstall => Kind::Addon,
            Self::Mutate => Kind::Mutator,
            Self::Run => Kind::Phase,
        }
    }

    /// How long it may take.
    pub fn budget(self, limits: &Limits) -> Duration {
        limits.timeout.unwrap_or(Duration::from_secs(match self.kind() {
            Kind::Mutator => 1,
            Kind::Preflight => 5,
            Kind::Addon | Kind::Phase => 30,
        }))
    }
}

/// What an export answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Of `preflight.check`.
    Findings(Vec<Finding>),
    /// Of `addon.images`.
    Images(Vec<String>),
    /// Of all others.
    Proposal(Proposal),
}

/// What a plugin's own advice begins with where it is shown.
pub(crate) const ADVICE: &str = "the plugin says: ";

/// Why there is no answer that could be used.
#[derive(Debug)]
pub(crate) struct NoReply {
    pub error: CallError,
    pub log: Vec<String>,
}

impl Guest {
    /// Compiles a component, or takes it from the cache, and looks at it. Nothing of it runs. `sha256` is its digest in hex.
    pub async fn load(bytes: Arc<[u8]>, sha256: &str, fuel: bool, cache: &CompiledCache) -> Result<Self, LoadError> {
        component::sniff(&bytes)?;
        let invalid = |error: wasmtime::Error| LoadError::Invalid(first_line(&error));
        let engine = engine(fuel).map_err(invalid)?;
        let (cache, sha256) = (cache.clone(), sha256.to_owned());
        let (component, warm) = match cache.load(engine, &sha256) {
            Some(component) => (component, true),
            None => {
                let compile = tokio::task::spawn_blocking(move || cache.compile(engine, &sha256, &bytes));
                let compiled = tokio::time::timeout(COMPILE, compile).await;
                let compiled = compiled.map_err(|_| LoadError::CompileTime(COMPILE))?;
                let compiled = compiled.map_err(|error| LoadError::Invalid(error.to_string()))?;
                (compiled.map_err(invalid)?, false)
            }
        };
        let shape = component::shape(engine, &component)?;
        // Asking it about itself grants nothing: every question is refused.
        let pre = link(&component, &shape, |_| true)?;
        Ok(Self { shape, component, pre, warm })
    }

    /// What it exports and imports.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    #[cfg(feature = "measure")]
    pub(crate) fn pre(&self) -> &InstancePre<State> {
        &self.pre
    }

    /// The same, linked with what is granted and nothing else.
    pub fn granted(&self, grants: &Grants, description: &Description) -> Result<Self, LoadError> {
        component::check_grants(&self.shape, grants, &description.wants)?;
        let pre = link(&self.component, &self.shape, |cap| {
            CAPS.iter().any(|known| known.interface == cap && !(known.granted)(grants).is_empty())
        })?;
        Ok(Self { shape: self.shape.clone(), component: self.component.clone(), pre, warm: self.warm })
    }

    /// What it says of itself.
    pub async fn describe(&self, ear: Ear) -> Result<Description, LoadError> {
        let sandbox = Sandbox {
            plugin: "".into(),
            grants: Arc::default(),
            settings: "{}".into(),
            world: Arc::new(nowhere()) as Arc<dyn World>,
            limits: Limits::default(),
            ear,
        };
        let indices = metadata::GuestIndices::new(&self.pre).map_err(|error| mistyped("metadata", &error))?;
        let described = sandbox.run(&self.pre, DESCRIBE, async |store, instance| {
            indices.load(&mut *store, instance)?.call_describe(store).await
        });
        match described.await {
            Ok(description) => {
                convert::description(description).map_err(|error| LoadError::Description(vec![error.to_string()]))
            }
            Err(Failed { error, .. }) => Err(LoadError::Describe {
                kind: error.kind,
                message: format!("it cannot describe itself: {}", error.message),
                backtrace: error.backtrace,
            }),
        }
    }

    /// Calls an export. `target` and `document` (JSON) are for `mutator.mutate`.
    pub(crate) async fn call(
        &self,
        sandbox: &Sandbox,
        export: Export,
        target: &str,
        document: &str,
    ) -> Result<Reply, NoReply> {
        /// Instantiates, finds the export's interface, calls the function.
        macro_rules! ask {
            ($interface:ident, $call:ident $(, $argument:expr)*) => {{
                let indices = $interface::GuestIndices::new(&self.pre).map_err(|error| NoReply {
                    error: CallError::from_load(&mistyped(stringify!($interface), &error)),
                    log: Vec::new(),
                })?;
                let answer = sandbox.run(&self.pre, export.budget(&sandbox.limits), async |store, instance| {
                    indices.load(&mut *store, instance)?.$call(store $(, $argument)*).await
                });
                answer.await.map_err(|Failed { error, log }| NoReply { error, log })?
            }};
        }
        macro_rules! propose {
            ($($what:tt)*) => {
                match ask!($($what)*).map(convert::proposal) {
                    Ok(Ok(proposal)) => Ok(Reply::Proposal(proposal)),
                    Ok(Err(error)) => Err(NoReply::invalid(&error.to_string())),
                    Err(failure) => Err(NoReply::failed(convert::failure(failure))),
                }
            };
        }
        match export {
            Export::Check => match ask!(preflight, call_check) {
                Ok(findings) => Ok(Reply::Findings(findings.into_iter().map(convert::finding).collect())),
                Err(failure) => Err(NoReply::failed(convert::failure(failure))),
            },
            Export::Images => match ask!(addon, call_images) {
                Ok(images) => Ok(Reply::Images(images)),
                Err(failure) => Err(NoReply::failed(convert::failure(failure))),
            },
            Export::Render => propose!(addon, call_render),
            Export::Uninstall => propose!(addon, call_uninstall),
            Export::Mutate => propose!(mutator, call_mutate, target, document),
            Export::Run => propose!(phase, call_run),
        }
    }
}

impl NoReply {
    fn failed(failure: Failure) -> Self {
        let message = one_line(&failure.message, 2000);
        // Its advice is not ours: it may ask for grants that nobody should give.
        let hint = failure.remedy.map(|remedy| format!("{ADVICE}{}", one_line(&remedy, 2000)));
        let code = Some(one_line(&failure.code, 80));
        let error = CallError { kind: ExtensionFailure::Failed, code, message, hint, backtrace: Vec::new() };
        Self { error, log: Vec::new() }
    }

    fn invalid(message: &str) -> Self {
        let hint = "this is a fault of the plugin: tell its maker";
        Self { error: CallError::new(ExtensionFailure::Invalid, message, hint), log: Vec::new() }
    }
}

fn link(component: &Component, shape: &Shape, wanted: impl Fn(&str) -> bool) -> Result<InstancePre<State>, LoadError> {
    let invalid = |error: wasmtime::Error| LoadError::Unknown(vec![first_line(&error)]);
    let mut linker = Linker::new(component.engine());
    let capabilities = shape.capabilities.iter().filter(|capability| wanted(capability));
    caps::link(&mut linker, capabilities, shape.wasi).map_err(invalid)?;
    linker.instantiate_pre(component).map_err(invalid)
}

/// An export whose functions have other types than ours.
fn mistyped(interface: &str, error: &wasmtime::Error) -> LoadError {
    LoadError::Unknown(vec![format!("its `{interface}` is another one than this kubephase's: {}", first_line(error))])
}

fn first_line(error: &wasmtime::Error) -> String {
    // It may have names in it that the component has given.
    one_line(format!("{error:#}").lines().next().unwrap_or_default(), 1000)
}

//! The tree: a workflow is an ordered list of phases, a phase either does something or groups others, never both.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::event::Sink;

/// What phases work on. One concrete type per workflow, so that nothing has to be asked at run time what it is.
pub trait Context: Send {
    /// How a phase fails.
    type Error: std::error::Error + Send + Sync + 'static;
    /// An effect on the machine.
    type Change: Clone + Send + 'static;

    /// A phase begins: what the context says from now on is said by it.
    fn enter(&mut self, path: &str);
    /// Effects since the last call.
    fn take_changes(&mut self) -> Vec<Self::Change>;
    /// A phase is done: the place to remember it.
    fn leave(&mut self, path: &str, changes: &[Self::Change]) -> Result<(), Self::Error>;
    /// A top-level phase is done, with all that it groups: the place to make its work durable, once for all of it. Also
    /// called when a phase failed, for what was done before it.
    fn settle(&mut self) -> Result<(), Self::Error>;
    /// Every phase of the run is done or left out. What is noted here the last [`Context::settle`] makes durable.
    fn end(&mut self) {}
    /// What to do about a failure.
    fn hint(error: &Self::Error) -> Option<String>;
    /// Where events go.
    fn sink(&self) -> Sink<Self::Change>;
}

/// What a running phase returns.
pub type PhaseFuture<'a, C> = Pin<Box<dyn Future<Output = Result<(), <C as Context>::Error>> + Send + 'a>>;

/// What a phase does.
pub type RunFn<C> = Box<dyn for<'a> Fn(&'a mut C) -> PhaseFuture<'a, C> + Send + Sync>;
/// `Some(why)` if a phase does not apply.
pub type UnlessFn<C> = Box<dyn Fn(&C) -> Option<String> + Send + Sync>;

/// What a phase is.
pub enum Action<C: Context> {
    /// It does something.
    Run(RunFn<C>),
    /// It groups others, which run in this order.
    Group(Vec<Phase<C>>),
}

/// One node of the tree.
pub struct Phase<C: Context> {
    /// kubeadm's name where it means the same; unique among its siblings.
    pub name: Cow<'static, str>,
    /// Other names of the sub-command. Paths know only `name`.
    pub aliases: &'static [&'static str],
    /// One line: what it does, without a full stop.
    pub about: Cow<'static, str>,
    /// `Some(why)` if it does not apply here and is left out.
    pub unless: Option<UnlessFn<C>>,
    /// What it is.
    pub action: Action<C>,
}

impl<C: Context> Phase<C> {
    /// A phase that does something.
    pub fn run<F>(name: impl Into<Cow<'static, str>>, about: impl Into<Cow<'static, str>>, run: F) -> Self
    where
        F: for<'a> Fn(&'a mut C) -> PhaseFuture<'a, C> + Send + Sync + 'static,
    {
        let action = Action::Run(Box::new(run));
        Self { name: name.into(), aliases: &[], about: about.into(), unless: None, action }
    }

    /// A phase that groups others.
    pub fn group(
        name: impl Into<Cow<'static, str>>,
        about: impl Into<Cow<'static, str>>,
        children: Vec<Phase<C>>,
    ) -> Self {
        Self { name: name.into(), aliases: &[], about: about.into(), unless: None, action: Action::Group(children) }
    }

    /// Adds when it is left out, and why.
    #[must_use]
    pub fn unless(mut self, reason: impl Fn(&C) -> Option<String> + Send + Sync + 'static) -> Self {
        self.unless = Some(Box::new(reason));
        self
    }

    /// What it groups; nothing if it does something itself.
    pub fn children(&self) -> &[Phase<C>] {
        match &self.action {
            Action::Group(children) => children,
            Action::Run(_) => &[],
        }
    }
}

impl<C: Context> fmt::Debug for Phase<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phase").field("name", &self.name).field("children", &self.children()).finish_non_exhaustive()
    }
}

/// A named, ordered tree of phases. Running, planning, skipping, help, completion and the documentation all read it.
#[derive(Debug)]
pub struct Workflow<C: Context> {
    /// `init`.
    pub name: &'static str,
    /// Top-level phases in order.
    pub phases: Vec<Phase<C>>,
}

impl<C: Context> Workflow<C> {
    /// Visits every phase with its path and depth, parents before their children: the order of execution.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&str, usize, &'a Phase<C>)) {
        fn go<'a, C: Context>(
            phases: &'a [Phase<C>],
            parent: &str,
            depth: usize,
            visit: &mut dyn FnMut(&str, usize, &'a Phase<C>),
        ) {
            for phase in phases {
                let path = if parent.is_empty() { phase.name.to_string() } else { format!("{parent}/{}", phase.name) };
                visit(&path, depth, phase);
                go(phase.children(), &path, depth + 1, visit);
            }
        }
        go(&self.phases, "", 0, visit);
    }

    /// Every path, in order, groups included: what `--skip-phases` takes.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.walk(&mut |path, _, _| paths.push(path.to_owned()));
        paths
    }

    /// The tree as text, as help shows it: children indented and prefixed with `/`.
    pub fn outline(&self) -> String {
        let mut rows = Vec::new();
        self.walk(&mut |_, depth, phase| {
            let slash = if depth > 0 { "/" } else { "" };
            rows.push((format!("{}{slash}{}", "  ".repeat(depth), phase.name), phase.about.to_string()));
        });
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
        rows.iter().map(|(name, about)| format!("{name:width$}{about}")).collect::<Vec<_>>().join("\n")
    }
}

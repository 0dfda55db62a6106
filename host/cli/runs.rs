//! What commands that run workflows share: on which node phases work, how changes are listed, how a run is ended.

use std::sync::{Arc, Mutex};

use kubephase_engine::{Context, Event, RunError, Selection, Sink, Workflow};
use kubephase_model::{Problem, Report};
use kubephase_node::{Change, Node, ScratchDir};
use kubephase_workflow::PhaseError;
use tokio::runtime::Runtime;

use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::printer::{changes, out};

/// Only one whole run at a time.
pub fn lock(node: &Node, whole: bool) -> Result<Option<kubephase_node::RunLock>, Failure> {
    // Single phases are also run while images are built, where our state directory has no place.
    if !whole {
        return Ok(None);
    }
    node.lock().map(Some).map_err(|error| {
        let hint = match error.hint() {
            Some("run as root") => {
                Some("run as root; `--plan` and `--dry-run` show without it what would be done".into())
            }
            hint => hint.map(str::to_owned),
        };
        Failure::machine(error, hint)
    })
}

/// What is found wrong before the first phase: patches are the user's input, everything else is the machine's state.
pub fn phase_error(error: PhaseError) -> Failure {
    let hint = error.hint().map(String::from);
    match error {
        PhaseError::Patches { source, .. } => Failure::Input(source),
        PhaseError::PatchDirectory(_) => {
            let problem = Problem::error("patches.directory", error.to_string());
            let problem = hint.into_iter().fold(problem, Problem::hint);
            Failure::Input(Report { problems: vec![problem] })
        }
        error => Failure::machine(error, hint),
    }
}

/// Runs the phases, until Ctrl-C.
pub fn execute<C: Context<Error = PhaseError>>(
    runtime: &Runtime,
    workflow: &Workflow<C>,
    cx: &mut C,
    selection: &Selection,
    global: &Global,
) -> Outcome {
    runtime.block_on(async {
        // Every file is whole at every moment, so this is a safe point.
        let interrupted = async { drop(tokio::signal::ctrl_c().await) };
        work(workflow, cx, selection, global, interrupted).await
    })
}

/// Runs the phases until they are done, one fails, or `interrupted` ends.
pub async fn work<C: Context<Error = PhaseError>>(
    workflow: &Workflow<C>,
    cx: &mut C,
    selection: &Selection,
    global: &Global,
    interrupted: impl Future<Output = ()>,
) -> Outcome {
    let result = tokio::select! {
        biased;
        result = workflow.run(cx, selection) => Some(result),
        () = interrupted => None,
    };
    match result {
        Some(Ok(_)) => Ok(()),
        Some(Err(RunError::Phase { source, .. })) => Err(Failure::phase(source, global)),
        Some(Err(RunError::Select(error))) => Err(Failure::Bug(error.to_string())),
        None => Err(Failure::Machine {
            error: "interrupted".into(),
            hint: Some("run the same command again: it goes on where this ended".into()),
            told: false,
        }),
    }
}

/// What flags and the configuration say of where a run writes.
pub struct Wish<'a> {
    /// `init`.
    pub workflow: &'a str,
    /// Only a plan.
    pub plan: bool,
    /// A dry run.
    pub dry_run: bool,
    /// Where a dry run writes.
    pub directory: Option<&'a str>,
    /// Only one phase.
    pub single: bool,
}

/// On which node the phases work, and where a dry run writes.
pub struct Place {
    /// The machine, or what stands for it.
    pub node: Node,
    /// Whether nothing is changed.
    pub is_dry: bool,
    /// Whether nothing stays of what is written.
    pub plan: bool,
    /// A plan's tree goes when the plan has been shown.
    _scratch: Option<ScratchDir>,
}

impl Place {
    /// Where `wanted` says.
    pub fn choose(wanted: &Wish<'_>, host: &Node) -> Result<Self, Failure> {
        let new = |prefix: &str| ScratchDir::new(prefix).map_err(|error| Failure::machine(error, None));
        if wanted.plan {
            let scratch = new("kubephase-plan-")?;
            let node = Node::dry_run(scratch.path());
            return Ok(Self { node, is_dry: true, plan: true, _scratch: Some(scratch) });
        }
        if !wanted.dry_run && wanted.directory.is_none() {
            return Ok(Self { node: host.clone(), is_dry: false, plan: false, _scratch: None });
        }
        let variable = format!("KUBEADM_{}_DRYRUN_DIR", wanted.workflow.to_uppercase());
        let named = wanted.directory.map(str::to_owned).or_else(|| host.env(&variable));
        let node = match named {
            // Phases that are run one by one see each other's work; a whole run starts afresh.
            Some(directory) if wanted.single => Node::dry_run_resumed(directory),
            Some(directory) => Node::dry_run(directory),
            None => Node::dry_run(new(&format!("kubephase-{}-dryrun-", wanted.workflow))?.keep()),
        };
        Ok(Self { node, is_dry: true, plan: false, _scratch: None })
    }

    /// What a dry run or a plan would do.
    pub fn list(&self, told: &Told, global: &Global) {
        if global.output != Output::Text {
            return;
        }
        for (path, changes) in told.take() {
            out(&format!("{path}\n"));
            for change in &changes {
                out(&format!("  {}\n{}", changes::line(change, true), changes::difference(change)));
            }
        }
        if let (false, Some(scratch)) = (self.plan, self.node.scratch()) {
            out(&format!("\nNothing was changed. The files are in {}\n", scratch.display()));
        }
    }
}

/// A finished phase and what it did.
type Did = (String, Vec<Change>);

/// Changes by phase, to be listed at the end.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<Did>>>);

impl Told {
    /// Events on their way to `next`, of which it takes the changes.
    pub fn sink(&self, next: Sink<Change>) -> Sink<Change> {
        let list = self.0.clone();
        Arc::new(move |event| {
            if let Event::Finished { path, changes, .. } = &event
                && let Ok(mut list) = list.lock()
            {
                list.push((path.clone(), changes.clone()));
            }
            next(event);
        })
    }

    fn take(&self) -> Vec<Did> {
        self.0.lock().map(|mut list| std::mem::take(&mut *list)).unwrap_or_default()
    }
}

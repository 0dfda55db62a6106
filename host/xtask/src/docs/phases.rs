//! The phases of every workflow, from the workflows' trees.

use kubephase_engine::{Context, Workflow};

use super::markdown::{code, head, table};

/// The page.
pub fn page() -> String {
    let about = "In the order of execution. A path is what `--skip-phases` takes; its words, with blanks instead of \
                 slashes, are the command that runs one phase alone: `kubephase init phase certs apiserver`.";
    let mut text = head("Phases", about);
    text += &workflow(&kubephase_workflow::init::workflow());
    text += "\n";
    text += &workflow(&kubephase_workflow::join::workflow());
    text += "\n";
    text += &workflow(&kubephase_workflow::reset::workflow());
    text
}

fn workflow<C: Context>(workflow: &Workflow<C>) -> String {
    let mut rows = Vec::new();
    workflow.walk(&mut |path, _, phase| rows.push([code(path), phase.about.to_string()]));
    format!("## {}\n\n{}", workflow.name, table(["path", "what it does"], rows))
}

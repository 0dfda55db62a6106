//! stub
use crate::workspace::Workspace;
use anyhow::Result;
/// Options.
#[derive(clap::Args)]
pub struct Args {}
/// Runs.
pub fn run(_: &Workspace, _: &Args) -> Result<()> {
    Ok(())
}

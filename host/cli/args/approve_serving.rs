//! Flags of `certs approve-serving`.

use clap::Args;
use kubephase_model::config::duration::GoDuration;

use super::OutputArg;

/// `certs approve-serving`.
#[derive(Args)]
pub struct ApproveServingArgs {
    /// Nodes whose requests are meant; all if none is named
    #[arg(value_name = "NODE")]
    pub nodes: Vec<String>,
    /// Kubeconfig file; found as kubectl does if not given, else /etc/kubernetes/admin.conf
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    /// How long to wait for requests that are not there yet, such as 2m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<GoDuration>,
    /// Approve nothing, only tell what would be approved, and why what would not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dry_run: Option<bool>,
    #[command(flatten)]
    _output: OutputArg,
}

impl ApproveServingArgs {
    /// Whether nothing is to be approved.
    pub fn dry_run(&self) -> bool {
        self.dry_run.unwrap_or(false)
    }
}

fn duration(text: &str) -> Result<GoDuration, String> {
    let parsed = GoDuration::parse(text).filter(|duration| duration.0 >= 0);
    parsed.ok_or_else(|| "write it like `90s` or `2m`".to_owned())
}

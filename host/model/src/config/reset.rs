//! Flags of `reset`, and the configuration that they make together with a file.

use super::flags::not_with_config;
use super::load::Documents;
use super::resolve::resolve_reset;
use super::v1beta4::ResetConfiguration;
use crate::facts::Facts;
use crate::report::Report;

/// Flags of `reset` that may set fields.
#[derive(Clone, Debug, Default)]
pub struct ResetFlags {
    /// `--cert-dir`.
    pub cert_dir: Option<String>,
    /// `--cleanup-tmp-dir`.
    pub cleanup_tmp_dir: bool,
    /// `--cri-socket`.
    pub cri_socket: Option<String>,
    /// `--force`.
    pub force: bool,
    /// `--dry-run`; allowed beside `--config`, and wins.
    pub dry_run: Option<bool>,
    /// `--ignore-preflight-errors`; allowed beside `--config`, added to the file's.
    pub ignore_preflight_errors: Vec<String>,
    /// `--skip-phases`; allowed beside `--config`, replaces the file's.
    pub skip_phases: Option<Vec<String>>,
}

impl ResetFlags {
    /// The configuration with which a node is reset. The container runtime's socket is only looked for if
    /// `cri_detection`.
    pub fn resolve(
        &self,
        documents: Option<&Documents>,
        facts: &Facts,
        cri_detection: bool,
        report: &mut Report,
    ) -> Option<ResetConfiguration> {
        if documents.is_some() {
            self.check_mixing(report);
        }
        let given = ResetConfiguration {
            certificates_dir: self.cert_dir.clone().unwrap_or_default(),
            cleanup_tmp_dir: self.cleanup_tmp_dir,
            cri_socket: self.cri_socket.clone().unwrap_or_default(),
            force: self.force,
            ..ResetConfiguration::default()
        };
        let mut reset = resolve_reset(documents, given, facts, cri_detection, report)?;
        for check in &self.ignore_preflight_errors {
            if !reset.ignore_preflight_errors.iter().any(|known| known.eq_ignore_ascii_case(check)) {
                reset.ignore_preflight_errors.push(check.clone());
            }
        }
        reset.dry_run = self.dry_run.unwrap_or(reset.dry_run);
        if let Some(skip) = &self.skip_phases {
            reset.skip_phases.clone_from(skip);
        }
        Some(reset)
    }

    fn check_mixing(&self, report: &mut Report) {
        not_with_config(
            &[
                ("--cert-dir", self.cert_dir.is_some()),
                ("--cleanup-tmp-dir", self.cleanup_tmp_dir),
                ("--cri-socket", self.cri_socket.is_some()),
                ("--force", self.force),
            ],
            report,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::{self, Command};

    fn file(text: &str) -> Documents {
        let mut report = Report::default();
        let source = load::source("reset.yaml", text.as_bytes().to_vec(), &mut report).expect("UTF-8");
        load::load(&source, Command::Reset, &mut report)
    }

    const FILE: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\nforce: true\ndryRun: true\n\
                        criSocket: unix:///run/x.sock\nignorePreflightErrors: [A]\nskipPhases: [preflight]\n\
                        unmountFlags: [MNT_DETACH]\n";

    #[test]
    fn flags_go_beside_a_file_as_far_as_kubeadm_lets_them() {
        let flags = ResetFlags {
            dry_run: Some(false),
            ignore_preflight_errors: vec!["a".into(), "B".into()],
            ..ResetFlags::default()
        };
        let mut report = Report::default();
        let reset = flags.resolve(Some(&file(FILE)), &Facts::default(), false, &mut report).expect("sound");
        assert!(reset.force && !reset.dry_run);
        assert_eq!(reset.ignore_preflight_errors, ["A", "B"]);
        assert_eq!(
            (reset.skip_phases.join(","), reset.unmount_flags.join(",")),
            ("preflight".into(), "MNT_DETACH".into())
        );
        let mixed = ResetFlags { force: true, cert_dir: Some("/x".into()), ..ResetFlags::default() };
        assert_eq!(mixed.resolve(Some(&file(FILE)), &Facts::default(), false, &mut report), None);
        assert!(report.to_string().contains("--cert-dir"), "{report}");
    }

    #[test]
    fn without_a_file_flags_are_all_there_is() {
        let flags = ResetFlags { cert_dir: Some("/pki".into()), cleanup_tmp_dir: true, ..ResetFlags::default() };
        let mut report = Report::default();
        let reset = flags.resolve(None, &Facts::default(), false, &mut report).expect("sound");
        assert_eq!((reset.certificates_dir.as_str(), reset.cleanup_tmp_dir, reset.force), ("/pki", true, false));
        assert_eq!(reset.cri_socket, "unix:///var/run/containerd/containerd.sock");
    }
}

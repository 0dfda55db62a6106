//! What a rehearsal leaves to look at: a summary, a page, an API server.

use std::io;
use std::path::Path;

use kubephase_engine::{Event, Level, Sink};
use kubephase_model::Cluster;
use kubephase_node::{Change, ChangeKind};
use kubephase_rehearsal::Rehearsal;
use kubephase_rehearsal::report::{self, Certificate, Held, Recorder};

use super::{Ends, failure, repeat};
use crate::args::rehearse::StageArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::printer;

/// Flags of a rehearsal, and those of them that another one of the same hardly has.
const OWN: [&str; 6] = ["--serve", "--serve-port", "--keep", "--report", "--real-api", "--init-config"];
const PASSING: [&str; 4] = ["--serve", "--serve-port", "--keep", "--report"];

/// Tells a failure before what takes its time.
pub fn first_of_all(outcome: &mut Outcome, global: &Global) {
    if let Err(failure @ Failure::Machine { told: false, .. }) = &*outcome {
        crate::report::failure(failure, global);
    }
    if let Err(Failure::Machine { told, .. }) = outcome {
        *told = true;
    }
}

/// What a rehearsal leaves to look at.
pub struct Shown<'a> {
    /// What was rehearsed: `init`.
    pub command: &'static str,
    /// What is wanted of it.
    pub stage: &'a StageArgs,
    /// The machine on which it was.
    pub machine: &'a Rehearsal,
    /// The machine with the administrator's kubeconfig, and that.
    pub admin: (&'a Rehearsal, String),
    /// What it is about.
    pub cluster: &'a Cluster,
    /// Texts that must not get into the page.
    pub secrets: Vec<String>,
    /// What the command would say at its end.
    pub says: Option<String>,
    /// How to do it for real, if not by the same flags.
    pub for_real: Option<&'static str>,
    /// Those of the machine.
    pub certificates: Vec<Certificate>,
    /// What happened.
    pub recorder: &'a Recorder,
    /// What the cluster held at the end.
    pub held: Vec<Held>,
    /// Flags of every command.
    pub global: &'a Global,
}

impl Shown<'_> {
    /// Writes the page, if one is wanted.
    pub fn report(&self) -> Outcome {
        let Some(path) = &self.stage.report else { return Ok(()) };
        let page = report::Report {
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "),
            now: self.machine.node().now(),
            facts: facts(self.cluster),
            moments: self.recorder.moments(),
            certificates: self.certificates.clone(),
            objects: self.held.clone(),
            next: self.next(),
            secrets: self.secrets.clone(),
        };
        write(path, &page.html())
    }

    /// How it went and where to look.
    pub fn close(&self) {
        if self.global.output == Output::Json {
            return;
        }
        let command = self.command;
        if let Some(says) = &self.says {
            printer::out(&format!("What {command} would say at its end:\n"));
            for line in says.lines() {
                printer::out(format!("  | {line}").trim_end());
                printer::out("\n");
            }
        }
        let did = self.recorder.moments();
        let changes = did.iter().filter_map(|moment| match &moment.event {
            Event::Finished { changes, .. } => Some(changes),
            _ => None,
        });
        let written = |change: &&Change| matches!(change.kind, ChangeKind::Created | ChangeKind::Replaced);
        let (objects, files): (Vec<&Change>, Vec<&Change>) =
            changes.flatten().filter(written).partition(|change| change.object.is_some());
        let millis = self.recorder.elapsed().as_millis();
        printer::out(&format!(
            "\nRehearsed in {}.{} s: {} files and {} objects written, {} objects in the cluster at the end.\n",
            millis / 1000,
            millis % 1000 / 100,
            files.len(),
            objects.len(),
            self.held.len(),
        ));
        if let Some(path) = &self.stage.report {
            printer::out(&format!("The report is in {}\n", path.display()));
        }
        if self.machine.is_kept() {
            printer::out(&format!("The machine's files are in {}\n", self.machine.root().display()));
        }
        if !self.stage.serve {
            let own = || format!("kubephase {command}{}", repeat::flags(std::env::args_os(), command, &OWN));
            printer::out(&format!(
                "\nTo look around in the cluster:  kubephase rehearse {command}{} --serve\n\
                 To do it for real, as root:     {}\n",
                repeat::flags(std::env::args_os(), command, &PASSING),
                self.for_real.map_or_else(own, str::to_owned),
            ));
        }
    }

    /// Keeps the API up until it is ended.
    pub fn serve(&self, runtime: &tokio::runtime::Runtime, ends: &mut Ends, sink: &Sink<Change>) -> Outcome {
        let (machine, admin) = &self.admin;
        let found = machine.kubeconfig(admin).map_err(failure)?;
        let (Some(kubeconfig), Some(address)) = (found, machine.address()) else {
            let error = io::Error::other("there is no API server to keep up");
            return Err(Failure::machine(error, Some("rehearse the phases certs to kubelet-start too".into())));
        };
        let kubeconfig = kubeconfig.display();
        match self.global.output {
            Output::Json => sink(Event::Notice {
                path: String::new(),
                level: Level::Info,
                message: format!("the API server is at https://{address}, its kubeconfig is {kubeconfig}"),
            }),
            _ => printer::out(&format!(
                "\nThe API server is at https://{address} until Ctrl-C. To use it:\n\n  export KUBECONFIG={kubeconfig}\n  \
                 kubectl get nodes,pods --all-namespaces\n"
            )),
        }
        runtime.block_on(ends.wait());
        Ok(())
    }

    fn next(&self) -> Vec<(String, String)> {
        let row = |line: String, what: &str| (line, what.to_owned());
        let command = self.command;
        let mut rows = Vec::new();
        if !self.stage.serve {
            rows.push(row(
                format!("kubephase rehearse {command} … --serve"),
                "Look around in the cluster with kubectl",
            ));
        }
        rows.push(row(
            format!("kubephase {command} … --plan"),
            "See what would be done on a real machine, before anything is",
        ));
        rows.push(row(format!("kubephase {command} …"), "Do it for real, as root"));
        rows
    }
}

fn facts(cluster: &Cluster) -> Vec<(String, String)> {
    let networking = &cluster.config.networking;
    let etcd = match cluster.external_etcd() {
        Some(external) => format!("external: {}", external.endpoints.0.join(", ")),
        None => "on this node".to_owned(),
    };
    let rows = [
        ("Name", cluster.config.cluster_name.clone()),
        ("Kubernetes", cluster.kubernetes_version()),
        ("Endpoint", cluster.api_endpoint_url()),
        ("Node", cluster.node_name().to_owned()),
        ("Advertised address", cluster.advertise_address().to_string()),
        ("Pod network", networking.pod_subnet.clone()),
        ("Service network", networking.service_subnet.clone()),
        ("DNS domain", networking.dns_domain.clone()),
        ("etcd", etcd),
        ("Container runtime", cluster.node().cri_socket.clone()),
        ("Image registry", cluster.config.image_repository.clone()),
        ("Certificates", cluster.pki().to_owned()),
        ("Keys", cluster.key_algorithm().to_string()),
    ];
    let given = rows.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn write(path: &Path, page: &str) -> Outcome {
    let attempt = format!("cannot write the report {}", path.display());
    report::write(path, page).map_err(|source| Failure::Machine {
        error: format!("{attempt}: {source}").into(),
        hint: Some("name a file in a directory that you may write to".into()),
        told: false,
    })
}

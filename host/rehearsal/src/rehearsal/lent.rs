//! The machine of a rehearsal for the phases of another process: one that may be killed must not take the cluster with
//! it. Files are the same tree; its programs are asked over a socket in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kubephase_node::{Answer, Command, Node, Output, Stage};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::{Rehearsal, RehearsalError};
use crate::machine::Spec;

/// Where its programs are asked, below the machine's root.
const SOCKET: &str = ".programs.sock";

/// What another process of the same build needs to know of a machine. As JSON, its form is nobody else's affair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lent {
    root: PathBuf,
    spec: Spec,
    proxy: String,
}

impl Rehearsal {
    /// Has the machine's programs answer other processes from now on.
    pub fn lend(&self) -> Result<Lent, RehearsalError> {
        let ordered = self.kubelet.clone();
        let stage = self.machine.stage(self.front.url(), Arc::new(move |order| ordered.order(order)));
        let path = self.machine.root().join(SOCKET);
        let served = self.backstage.wait(async move { serve(&path, stage) }).flatten();
        served.map_err(RehearsalError::Start)?;
        Ok(Lent { root: self.machine.root().to_owned(), spec: self.machine.spec().clone(), proxy: self.front.url() })
    }
}

impl Lent {
    /// The machine, as the phases see it.
    pub fn node(&self) -> Node {
        let errand = Errand { socket: self.root.join(SOCKET), proxy: self.proxy.clone() };
        Node::rehearsed(&self.root, self.spec.ambient(), Arc::new(errand))
    }
}

/// Answers one program per connection.
fn serve(path: &Path, stage: Arc<dyn Stage>) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stage = stage.clone();
            // Who asks may be gone before the answer is there.
            tokio::spawn(async move { drop(answer(stream, &*stage).await) });
        }
    });
    Ok(())
}

async fn answer(mut stream: UnixStream, stage: &dyn Stage) -> io::Result<()> {
    let mut asked = Vec::new();
    stream.read_to_end(&mut asked).await?;
    let words: Vec<String> = serde_json::from_slice(&asked)?;
    let Some((program, args)) = words.split_first() else { return Ok(()) };
    let output = stage.run(&Command::look(program, args.iter().cloned())).await?;
    let said = serde_json::to_vec(&(output.status, output.stdout, output.stderr))?;
    stream.write_all(&said).await
}

#[derive(Debug)]
struct Errand {
    socket: PathBuf,
    proxy: String,
}

impl Errand {
    async fn ask(&self, command: &Command) -> io::Result<Output> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        let words: Vec<&String> = std::iter::once(&command.program).chain(&command.args).collect();
        stream.write_all(&serde_json::to_vec(&words)?).await?;
        stream.shutdown().await?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await?;
        let (status, stdout, stderr) = serde_json::from_slice(&said)?;
        Ok(Output { status, stdout, stderr })
    }
}

impl Stage for Errand {
    fn run<'a>(&'a self, command: &'a Command) -> Answer<'a> {
        Box::pin(self.ask(command))
    }

    fn proxy(&self) -> String {
        self.proxy.clone()
    }
}

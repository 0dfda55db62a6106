//! Tokens: what one program creates the other lists and deletes, and both print the same.

use anyhow::{Result, bail};
use serde_json::Value;

use super::super::api::Client;
use super::super::command::tail;
use super::Plane;

const TOKEN: &str = "0e2e00.0123456789abcdef";

/// Compares `program` with the kubeadm that is installed beside it, on a cluster that runs.
pub fn compare(plane: &Plane, program: &str) -> Result<()> {
    // From 1.29 on, admin.conf may do nothing until a phase says so.
    let all_powerful = "/etc/kubernetes/super-admin.conf";
    let path = if plane.node.path(all_powerful).exists() { all_powerful } else { "/etc/kubernetes/admin.conf" };
    let run = |program: &str, words: &[&str]| {
        plane.node.exec([&[program, "token", "--kubeconfig", path], words].concat()).run()
    };
    let client = Client::admin(&plane.node)?;
    let create = ["create", TOKEN, "--ttl", "3h", "--description", "of the test", "--print-join-command"];
    let mut made = Vec::new();
    for (maker, other) in [("kubeadm", program), (program, "kubeadm")] {
        let join = run(maker, &create)?;
        let secret = client.get_all(&["/api/v1/namespaces/kube-system/secrets/bootstrap-token-0e2e00"])?;
        let lists = [run(maker, &["list"])?, run(other, &["list"])?];
        if !lists[0].contains(TOKEN) || lists[0] != lists[1] {
            bail!("{maker} lists\n{}\nand {other}\n{}", tail(&lists[0], 20), tail(&lists[1], 20));
        }
        let said = run(other, &["delete", TOKEN])?;
        if said.trim() != "bootstrap token \"0e2e00\" deleted" || run(maker, &["list"])?.contains(TOKEN) {
            bail!("{other} does not delete what {maker} has made: {said}");
        }
        // But for the program's name: an old kubeadm leaves several blanks where it takes a line's end out.
        let words: Vec<String> = join.split_whitespace().skip(1).map(str::to_owned).collect();
        made.push((words, wanted(&secret)));
    }
    if made[0] != made[1] {
        bail!("kubeadm makes {:?}, {program} {:?}", made[0], made[1]);
    }
    if run(program, &["delete", "0e2e00"]).is_ok() {
        bail!("{program} deletes a token that is not there");
    }
    Ok(())
}

/// What must be the same: all but the end, which is some seconds later.
fn wanted(secret: &[Value]) -> Value {
    let mut data = secret.first().map(|secret| secret["data"].clone()).unwrap_or_default();
    if let Some(data) = data.as_object_mut() {
        data.remove("expiration");
    }
    data
}

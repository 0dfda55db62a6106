//! Two control planes join at the same moment, are looked at, leave and join again, round after round. In some rounds the
//! etcd of one is frozen as it starts. Before that one of them is killed wherever it can be told from outside: when a
//! phase has ended, and while its etcd is a learner.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{are_control_planes, at_once, init, join, members, remove, settle};
use crate::e2e::bootstrapper::{Kind, left_out};
use crate::e2e::command::{cmd, tail};
use crate::e2e::interop::{self, Role};
use crate::e2e::lab::{Lab, collect_logs};
use crate::e2e::node::{Node, child_of};
use crate::e2e::steps::Steps;

/// In every so-manieth round somebody is frozen. It takes two minutes to be given up.
const FROZEN: u16 = 10;
/// Words that are said while etcd is changed: the member is announced, and it has begun to catch up.
const INSIDE: [&str; 2] = ["announced to etcd as the learner", "% synced"];

/// Every step.
pub fn joined(lab: &mut Lab, rounds: u16, steps: &mut Steps) -> Result<()> {
    if lab.kit.bootstrapper.kind != Kind::Kubephase {
        steps.skip("control planes that join at the same moment", "they are joined and reset by kubephase");
        return Ok(());
    }
    let mut nodes = Vec::new();
    for name in ["r-cp1", "r-cp2", "r-cp3"] {
        nodes.push(lab.boot(steps, name)?);
    }
    let [first, second, third] = &nodes[..] else { bail!("three nodes play in this") };
    let told = tell(lab, [first, second, third], rounds, steps);
    told.inspect_err(|_| nodes.iter().for_each(collect_logs))?;
    steps.run("switch these nodes off", || nodes.iter().try_for_each(Node::stop))
}

fn tell(lab: &Lab, nodes: [&Node; 3], rounds: u16, steps: &mut Steps) -> Result<()> {
    let [first, second, third] = nodes;
    let told = init(lab, first, steps)?;
    let mut kills = 0;
    steps.run(&format!("{} is killed behind each phase of join and goes on", second.name), || {
        // It goes on where it was killed, to be killed one phase further.
        while cut(lab, second, &told, &Moment::Finished(kills + 1))? {
            kills += 1;
        }
        if kills < 8 {
            bail!("it was killed {kills} times only");
        }
        settled(nodes, &[second])
    })?;
    eprintln!("join was killed {kills} times, each time behind another phase");
    for words in INSIDE {
        steps.run(&format!("leave; {} is killed when it says \"{words}\", and goes on", second.name), || {
            leave(first, &[second])?;
            if !cut(lab, second, &told, &Moment::Said(words))? {
                bail!("it never said so");
            }
            join(lab, second, &told, Role::ControlPlane)?;
            settled(nodes, &[second])
        })?;
    }
    steps.run("leave", || leave(first, &[second]))?;
    for round in 1..=rounds {
        let is_frozen = round % FROZEN == 1;
        let what = if is_frozen { ", and one is frozen" } else { "" };
        steps.run(&format!("round {round} of {rounds}: both join{what}"), || {
            match is_frozen {
                true => frozen(lab, first, [second, third], &told)?,
                false => at_once(&[second, third], |node| join(lab, node, &told, Role::ControlPlane))?,
            }
            settled(nodes, &[second, third])
        })?;
        steps.run("both leave", || leave(first, &[second, third]))?;
    }
    Ok(())
}

/// The nodes that have joined are Ready and serve; etcd has them as voters, the first one too, and no others.
fn settled(nodes: [&Node; 3], joined: &[&Node]) -> Result<()> {
    let [first, ..] = nodes;
    joined.iter().try_for_each(|node| settle(first, node))?;
    let all: Vec<&Node> = [first].into_iter().chain(joined.iter().copied()).collect();
    members::are(first, &all)?;
    are_control_planes(first, &all)?;
    all.iter().try_for_each(|node| interop::serves(first, node))
}

/// They are reset at the same moment and their objects removed.
fn leave(first: &Node, nodes: &[&Node]) -> Result<()> {
    at_once(nodes, |node| {
        let reset = ["kubephase", "reset", "--force"];
        node.exec(reset).log(node.logs.join("reset.txt")).run().map(drop)
    })?;
    members::are(first, &[first])?;
    nodes.iter().try_for_each(|node| remove(first, node))
}

/// Both join while the etcd of the one that comes first is frozen as soon as it runs. The other one says whom it waits
/// for, and finishes; the frozen one gives up in time, and when it is thawed the same command completes its work.
fn frozen(lab: &Lab, first: &Node, pair: [&Node; 2], told: &str) -> Result<()> {
    let freeze = "until pid=$(pgrep '^etcd'); do [ ! -e /root/no-freezing ] || exit 1; sleep 0.02; done\n\
                  kill -STOP $pid && echo $pid > /root/frozen";
    pair.iter().try_for_each(|node| node.exec(["rm", "-f", "/root/frozen", "/root/no-freezing"]).run().map(drop))?;
    let (ended, cold) = thread::scope(|scope| {
        let joining = pair.map(|node| scope.spawn(move || join_to_log(lab, node, told)));
        let watching = pair.map(|node| {
            scope.spawn(move || {
                let is_frozen = node.exec(["sh", "-c", freeze]).succeeds();
                if is_frozen {
                    // Only one of them.
                    let others = pair.iter().filter(|other| other.name != node.name);
                    others.for_each(|other| drop(other.write("/root/no-freezing", "")));
                }
                is_frozen
            })
        });
        let ended = joining.map(|run| run.join().unwrap_or_else(|_| bail!("it panicked")));
        // Whoever has not found anything to freeze until now will not.
        pair.iter().for_each(|node| drop(node.write("/root/no-freezing", "")));
        (ended, watching.map(|watch| watch.join().unwrap_or_default()))
    });
    let index = match cold {
        [true, false] => 0,
        [false, true] => 1,
        _ => bail!("who was frozen: {cold:?}"),
    };
    let (victim, other) = (pair[index], pair[1 - index]);
    let [ended_first, ended_second] = ended;
    let (theirs, others) = if index == 0 { (ended_first?, ended_second?) } else { (ended_second?, ended_first?) };
    let (said, succeeded) = others;
    if !succeeded {
        bail!("{} did not finish while {} was frozen:\n{}", other.name, victim.name, tail(&said, 25));
    }
    if !said.lines().any(|line| line.contains("waiting for") && line.contains(&victim.name)) {
        bail!("{} does not name {}, for which it waited:\n{}", other.name, victim.name, tail(&said, 40));
    }
    let (said, succeeded) = theirs;
    if succeeded || !said.contains(&format!("the etcd learner {}", victim.name)) {
        bail!("{}, which was frozen, should say so:\n{}", victim.name, tail(&said, 25));
    }
    members::are(first, &[first, other])?;
    // The kubelet may have replaced it meanwhile.
    victim.exec(["sh", "-c", "kill -CONT $(cat /root/frozen) || true"]).run()?;
    join(lab, victim, told, Role::ControlPlane)
}

/// What joining said, and whether it went well.
fn join_to_log(lab: &Lab, node: &Node, told: &str) -> Result<(String, bool)> {
    let out = node.exec(words(lab, told)?).log(node.logs.join("join.txt")).output()?;
    Ok((out.stdout, out.status.success()))
}

/// The command that `init` showed, with its events as JSON.
fn words(lab: &Lab, told: &str) -> Result<Vec<String>> {
    let mut words = interop::command(told, Role::ControlPlane)
        .with_context(|| format!("init showed no command to join with:\n{told}"))?;
    words.extend(left_out(Kind::Kubephase, &lab.kit.kubernetes));
    words.extend(["-o", "json"].map(str::to_owned));
    Ok(words)
}

/// When a run is killed.
enum Moment {
    /// When so many phases have ended.
    Finished(usize),
    /// When it says this.
    Said(&'static str),
}

/// Joins a control plane and kills it at a moment. False if it ended well before.
fn cut(lab: &Lab, node: &Node, told: &str, moment: &Moment) -> Result<bool> {
    let words = words(lab, told)?;
    let errors = node.logs.join("killed-errors.txt");
    let mut command = node.exec(words).to_command();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(&errors)?);
    let mut child = command.spawn().context("could not start join")?;
    let (mut finished, mut said) = (0, String::new());
    for line in BufReader::new(child.stdout.take().context("its output is piped")?).lines() {
        let line = line?;
        let event: Value = serde_json::from_str(&line).with_context(|| format!("join said {line:?}"))?;
        finished += usize::from(event["event"] == "finished");
        let is_now = match moment {
            Moment::Finished(count) => finished == *count,
            Moment::Said(words) => line.contains(words),
        };
        said += &format!("{line}\n");
        if is_now {
            return end(child).map(|()| true);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("join failed by itself ({status}):\n{}{}", tail(&said, 10), std::fs::read_to_string(&errors)?);
    }
    Ok(false)
}

/// kill -9 of what nsenter runs: it does not pass signals on. It may have ended well just now, which is seen as a kill
/// behind its last moment.
fn end(mut child: Child) -> Result<()> {
    if let Some(process) = child_of(child.id()) {
        let _ = cmd("kill").args(["-9", &process.to_string()]).output()?;
    }
    child.wait().map(drop).context("join did not end")
}

//! The machine, and nothing else: the only crate that touches files, programs, services, sockets, the clock,
//! randomness and the environment. It knows where things are and how to make a wanted [`File`] true; it does not
//! know what any of it is for: no phase, no certificate, no particular Kubernetes object.

#![expect(clippy::disallowed_methods, reason = "this crate is the one place where effects on the machine happen")]

pub mod accounts;
mod change;
pub mod containerd;
pub mod cri;
pub mod etcd;
mod exec;
mod facts;
mod file;
#[cfg(any(test, feature = "answers"))]
pub mod grpc;
pub mod http;
pub mod kube;
mod lock;
mod machine;
mod node;
mod owner;
mod private_dir;
pub mod probe;
mod rootfs;
mod scratch;
mod service;
mod socket;
mod stage;
mod survey;
mod unmount;

pub use change::{Change, ChangeKind, ObjectId};
pub use containerd::{Containerd, ContainerdError};
pub use cri::{Cri, CriError};
pub use etcd::{Etcd, EtcdError};
pub use exec::{Command, ExecError, Output};
pub use file::FileError;
pub use file::original::Original;
pub use file::stream::{Draft, Source};
pub use file::tree::{Emptied, Kept, Spare};
pub use file::walk::{Place, ReadError, Seen};
pub use kubephase_model::{Facts, File};
pub use lock::{LockError, RunLock};
pub use machine::{Ambient, Interface};
pub use node::Node;
pub use owner::Owner;
pub use private_dir::{PrivateDir, cache_home};
pub use rootfs::{RootfsError, enter_rootfs};
pub use scratch::ScratchDir;
pub use service::{InitSystem, Service, ServiceError};
pub use stage::{Answer, Stage};

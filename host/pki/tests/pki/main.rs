//! The crate from outside: against kubeadm's recorded certificates, against openssl, and across releases.
#![expect(clippy::disallowed_methods, reason = "reads recorded cases and runs openssl on temporary files")]

mod kubeadm;
mod openssl;
mod releases;
mod sealed;
mod support;

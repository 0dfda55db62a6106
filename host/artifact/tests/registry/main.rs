//! Plugins in registries: a real one (Debian's `docker-registry`, with TLS and passwords), and ones that are broken or mean.
#![expect(clippy::disallowed_methods, reason = "tests start servers and look at their machine")]
#![expect(clippy::print_stderr, reason = "a skip says why")]

mod bench;
mod cosign;
mod fake;
mod hostile;
mod proxy;
mod published;
mod real;
mod server;
mod token;

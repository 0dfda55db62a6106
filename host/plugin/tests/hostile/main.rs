//! What `plugins/hostile` does, and what must stop it: every attack of its README, through the real host.
//!
//! [`table`] has a row for each attack of the component, [`raw`] for each component that was laid by hand; [`complete`]
//! compares both with the README and with what the component knows. [`machine`] has what needs files, links and servers.
//! [`burden`] has answers that are much work for our own code.
//!
//! Every row is also measured: that it ends in time, that this process does not grow, that texts are plain, and that another
//! plugin beside it answers as it always does ([`bench`]).
#![expect(clippy::disallowed_methods, reason = "tests lay out their machine and read their own memory")]

mod bench;
mod burden;
mod complete;
mod expect;
mod machine;
mod raw;
mod table;

//! Catching up.

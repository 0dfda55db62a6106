//! For benchmarks: what cannot be measured from outside, because a real run never does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kubephase_model::plugin::{Description, Grants};

use crate::bindings::exports::kubephase::plugin::mutator;
use crate::compiled::CompiledCache;
use crate::error::LoadError;
use crate::guest::Guest;
use crate::limits::Limits;
use crate::plugins::digest_of;
use crate::sandbox::Sandbox;
use crate::told::Ear;
use crate::world::nowhere;

/// How long each of `times` calls of `mutator.mutate` takes on one instance, which a real run makes anew for each call.
pub async fn calls_on_one_instance(
    component: Arc<[u8]>,
    document: &str,
    times: usize,
    ear: Ear,
) -> Result<Vec<Duration>, LoadError> {
    let digest = digest_of(&component);
    let guest = Guest::load(component, digest.trim_start_matches("sha256:"), false, &CompiledCache::none()).await?;
    let guest = guest.granted(&Grants::default(), &Description::default())?;
    let sandbox = Sandbox {
        plugin: "measured".into(),
        grants: Arc::default(),
        settings: "{}".into(),
        world: Arc::new(nowhere()),
        limits: Limits::default(),
        ear,
    };
    let invalid = |error: &wasmtime::Error| LoadError::Invalid(error.to_string());
    let indices = mutator::GuestIndices::new(guest.pre()).map_err(|error| invalid(&error))?;
    let measured = sandbox.run(guest.pre(), Duration::from_secs(60), async |store, instance| {
        let functions = indices.load(&mut *store, instance)?;
        let mut took = Vec::with_capacity(times);
        for _ in 0..times {
            let start = Instant::now();
            let answer = functions.call_mutate(&mut *store, "etcd", document).await?;
            took.push(start.elapsed());
            drop(answer);
        }
        Ok(took)
    });
    measured.await.map_err(|failed| LoadError::Invalid(failed.error.message))
}

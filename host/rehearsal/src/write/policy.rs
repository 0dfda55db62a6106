//! What a PUT may do, kind by kind, as the strategies of the real server say (`AllowCreateOnUpdate`,
//! `AllowUnconditionalUpdate`). Facts alone.

use crate::kinds::Kind;

/// Whether a PUT makes an object that is not there.
pub(super) fn creates_on_update(kind: &Kind) -> bool {
    match kind.group {
        "" => matches!(kind.plural, "endpoints" | "events" | "limitranges" | "services"),
        "coordination.k8s.io" | "events.k8s.io" | "node.k8s.io" | "rbac.authorization.k8s.io" => true,
        _ => false,
    }
}

/// Whether a PUT may leave out `metadata.resourceVersion`, and so write over whatever is there.
pub(super) fn allows_unconditional_update(kind: &Kind) -> bool {
    match kind.group {
        "admissionregistration.k8s.io"
        | "apiextensions.k8s.io"
        | "apiregistration.k8s.io"
        | "coordination.k8s.io"
        | "node.k8s.io" => false,
        "policy" => kind.plural != "poddisruptionbudgets",
        "storage.k8s.io" => !matches!(kind.plural, "csidrivers" | "csinodes"),
        _ => true,
    }
}

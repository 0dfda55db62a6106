//! Keys and certificates: which ones a cluster has (the tables), making them, and judging those that exist already.
//! Pure: bytes and times come in as arguments and go out as values; files, clock and messages are the caller's.

mod cert;
mod certs;
mod chain;
mod csr;
mod existing;
mod external;
mod issue;
mod key;
mod kubeconfigs;
mod names;
mod pool;
mod renewal;
mod requested;
mod rsa;
mod sealed;

pub use cert::{Ca, Cert, CertError, Period};
pub use certs::{
    APISERVER, APISERVER_ETCD_CLIENT, APISERVER_KUBELET_CLIENT, CA, CERTS, CertSpec, ETCD_CA, ETCD_HEALTHCHECK_CLIENT,
    ETCD_PEER, ETCD_SERVER, FRONT_PROXY_CA, FRONT_PROXY_CLIENT, cert,
};
pub use chain::{ChainError, verify_chain};
pub use csr::signing_request;
pub use existing::{
    CaDecision, CertWarning, ExistingError, Half, LeafDecision, Pair, SaDecision, Verdict, decide_ca, decide_leaf,
    decide_sa,
};
pub use external::{Custody, ExternalCaError, custody};
pub use issue::{IssueError, Request, Serial, Usage, Validity, issue, issue_for, self_signed};
pub use key::{KeyError, PrivateKey, generate_key};
pub use kubeconfigs::{
    ADMIN, CONTROLLER_MANAGER, Endpoint, KUBECONFIGS, KUBELET, KubeconfigSpec, SCHEDULER, SUPER_ADMIN, kubeconfig,
};
pub use names::{AltNames, is_valid as is_valid_alt_name};
pub use pool::KeyPool;
pub use renewal::{key_algorithm, renewal, unkept};
pub use requested::{SigningRequest, SigningRequestError};
pub use sealed::{CertificateKey, CertificateKeyError, OpenError, Uploaded, open, seal, uploaded_files};

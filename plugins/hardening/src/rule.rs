//! What items ask for, as values: judged against flags ([`crate::flags`]), fields ([`crate::fields`]) or files
//! ([`crate::verify`]).

use crate::settings::Values;

/// What one item asks for.
pub enum Rule {
    // Flags of a static pod.
    /// This flag has this value.
    FlagIs(&'static str, &'static str),
    /// This flag has any value.
    FlagAny(&'static str, fn(&Values) -> String),
    /// This flag is not there, or has another value.
    FlagNot(&'static str, &'static str),
    /// All these flags have a value.
    FlagsSet(&'static [&'static str]),
    /// None of these flags is there.
    FlagsUnset(&'static [&'static str]),
    /// This flag is a number that is large enough.
    FlagAtLeast(&'static str, u64),
    /// This flag is an address of the loopback.
    FlagLoopback(&'static str),
    /// This flag lists strong ciphers only.
    FlagCiphers(&'static str),
    /// This admission plugin is on.
    AdmissionHas(&'static str),
    /// This is not in the list that this flag is.
    ListLacks(&'static str, &'static str),
    /// This authorizer is on.
    AuthorizationHas(&'static str),
    /// This authorizer is off.
    AuthorizationLacks(&'static str),
    /// This feature gate is not turned off.
    GateNotOff(&'static str),
    /// etcd believes another authority than the API server.
    EtcdAuthority,

    // Fields of a configuration, by their path with dots.
    /// This field is that.
    FieldIs(&'static str, bool),
    /// This field is not there, or is something else than this text.
    FieldNot(&'static str, &'static str),
    /// This field is there and not empty.
    FieldSet(&'static str),
    /// This field is not there, or zero.
    FieldZero(&'static str),
    /// This field is a number above zero.
    FieldAny(&'static str, fn(&Values) -> u32),
    /// This field is not there, or an address of the loopback with a port.
    FieldLoopback(&'static str),
    /// This field lists strong ciphers only.
    FieldCiphers(&'static str),
    /// The kubelet's serving certificate is not one of its own making.
    ServingCertificate,

    // Files.
    /// The file has no permissions but these.
    Mode(u32),
    /// The file belongs to root.
    Owner,
    /// This flag is not among the kubelet's.
    EnvironmentLacks(&'static str),
}

/// What a rule comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so.
    Fulfilled,
    /// Nothing is said, and the default does not do: what was seen.
    Missing(String),
    /// The operator says otherwise: what was seen.
    Contrary(String),
}

impl Rule {
    /// Whether this plugin can make it true where nothing is said.
    pub fn can_be_set(&self) -> bool {
        matches!(
            self,
            Self::FlagIs(..)
                | Self::FlagAny(..)
                | Self::FlagLoopback(_)
                | Self::FlagCiphers(_)
                | Self::AdmissionHas(_)
                | Self::FieldIs(..)
                | Self::FieldAny(..)
                | Self::FieldCiphers(_)
                | Self::ServingCertificate
        )
    }
}

impl Verdict {
    /// Fulfilled, or contrary.
    pub fn unless(contrary: Option<String>) -> Self {
        contrary.map_or(Self::Fulfilled, Self::Contrary)
    }
}

/// Ciphers with forward secrecy and authenticated encryption. Those of TLS 1.3 cannot be chosen in Go, but named.
pub const STRONG: [&str; 11] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Those of a list that are not strong.
pub fn weak<'a>(ciphers: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    ciphers.into_iter().filter(|cipher| !STRONG.contains(cipher)).collect()
}

/// Whether an address is one of the loopback.
pub fn is_loopback(address: &str) -> bool {
    address == "::1" || address.strip_prefix("127.").is_some_and(|rest| rest.bytes().all(|byte| byte != b':'))
}

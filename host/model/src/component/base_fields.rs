//! Fields that component configurations have in common, as in k8s.io/component-base (config/v1alpha1, logs/api/v1,
//! tracing/api/v1) at v1.36.

use super::schema::{
    Field,
    Type::*,
    Zero,
    Zero::{Int0, Omit, Str, Unset},
    field,
};

/// `LoggingConfiguration`.
pub const LOGGING: &[Field] = &[
    field("format", String, Omit, 19),
    field("flushFrequency", Long, Int0, 23).until(28),
    field("flushFrequency", DurationOrInt, Int0, 28),
    field("verbosity", Uint, Int0, 23),
    field("vmodule", List(&Object(VMODULE_ITEM)), Omit, 23),
    field("options", Object(FORMAT_OPTIONS), Zero::Object, 23),
    field("sanitization", Bool, Omit, 20).until(24),
];

/// `FormatOptions` of [`LOGGING`].
const FORMAT_OPTIONS: &[Field] =
    &[field("text", Object(TEXT_OPTIONS), Zero::Object, 30), field("json", Object(JSON_OPTIONS), Zero::Object, 23)];

/// `JSONOptions` of [`FORMAT_OPTIONS`].
const JSON_OPTIONS: &[Field] = &[field("splitStream", Bool, Omit, 23), field("infoBufferSize", Quantity, Str("0"), 23)];

/// `TextOptions` of [`FORMAT_OPTIONS`].
const TEXT_OPTIONS: &[Field] = &[field("splitStream", Bool, Omit, 30), field("infoBufferSize", Quantity, Str("0"), 30)];

/// `VModuleItem` of [`LOGGING`].
const VMODULE_ITEM: &[Field] = &[field("filePattern", String, Str(""), 23), field("verbosity", Uint, Int0, 23)];

/// `TracingConfiguration`.
pub const TRACING: &[Field] = &[field("endpoint", String, Unset, 25), field("samplingRatePerMillion", Int, Unset, 25)];

/// `ClientConnectionConfiguration`.
pub const CLIENT_CONNECTION: &[Field] = &[
    field("kubeconfig", String, Str(""), 0),
    field("acceptContentTypes", String, Str(""), 0),
    field("contentType", String, Str(""), 0),
    field("qps", Float, Int0, 0),
    field("burst", Int, Int0, 0),
];

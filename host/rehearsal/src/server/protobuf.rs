//! Bodies in Kubernetes' protobuf, which kubectl sends where it knows the type and does not ask whether we read it:
//! reviews (`auth can-i`), approvals of certificates, and what `kubectl create` makes. A small table of messages says
//! which field is which; kinds that are not in it are refused with 415, and so are objects with more than it knows: half
//! an object is worse than none. Answers are always JSON, which every client takes.

mod messages;
mod wire;
mod workloads;

use serde_json::{Map, Value, json};

use self::messages::{Message, Type};
use self::wire::{Fields, Wire};

/// What a body in protobuf begins with.
const MAGIC: &[u8] = b"k8s\0";

/// The object in a body; none if it is broken or of a kind that is not in the table.
pub(super) fn decode(bytes: &[u8]) -> Option<Value> {
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, value) in Fields(bytes.strip_prefix(MAGIC)?) {
        match (number, value) {
            (1, Wire::Bytes(meta)) => {
                for (number, value) in Fields(meta) {
                    match (number, value) {
                        (1, Wire::Bytes(text)) => api_version = String::from_utf8(text.to_vec()).ok()?,
                        (2, Wire::Bytes(text)) => kind = String::from_utf8(text.to_vec()).ok()?,
                        (0, _) => return None,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            (0, _) => return None,
            _ => {}
        }
    }
    let mut object = message(messages::find(&kind)?, raw)?;
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    Some(object)
}

fn message(message: Message, bytes: &[u8]) -> Option<Value> {
    let mut object = Map::new();
    for (number, value) in Fields(bytes) {
        // Number 0 stands for what cannot be read.
        if number == 0 {
            return None;
        }
        let Some((_, name, ty)) = message.iter().find(|(known, ..)| *known == number) else {
            if is_blank(&value) {
                continue;
            }
            return None;
        };
        match ty {
            Type::List(item) => {
                let item = single(item, value)?;
                object.entry(*name).or_insert_with(|| json!([])).as_array_mut()?.push(item);
            }
            Type::Map(item) => {
                let Wire::Bytes(entry) = value else { return None };
                let (mut key, mut content) = (String::new(), Value::Null);
                for (number, value) in Fields(entry) {
                    match number {
                        1 => key = single(&Type::Text, value)?.as_str()?.to_owned(),
                        2 => content = single(item, value)?,
                        _ => return None,
                    }
                }
                object.entry(*name).or_insert_with(|| json!({})).as_object_mut()?.insert(key, content);
            }
            single_type => {
                let value = single(single_type, value)?;
                // Go writes fields that are not set as empty ones.
                if matches!(ty, Type::Optional(_)) || !is_unset(&value) {
                    object.insert((*name).to_owned(), value);
                }
            }
        }
    }
    Some(Value::Object(object))
}

/// Whether a field says nothing: zero, empty, or a message of such. Go writes those too.
fn is_blank(value: &Wire<'_>) -> bool {
    match value {
        Wire::Number(number) => *number == 0,
        Wire::Bytes(bytes) => Fields(bytes).all(|(number, value)| number != 0 && is_blank(&value)),
    }
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(set) => !set,
        Value::Object(fields) => fields.is_empty(),
        _ => value.is_null(),
    }
}

fn single(ty: &Type, value: Wire<'_>) -> Option<Value> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    match (ty, value) {
        (Type::Text, Wire::Bytes(bytes)) => Some(json!(std::str::from_utf8(bytes).ok()?)),
        (Type::Bytes, Wire::Bytes(bytes)) => Some(json!(STANDARD.encode(bytes))),
        (Type::Json, Wire::Bytes(bytes)) => {
            let raw = Fields(bytes).find_map(|(number, value)| match value {
                Wire::Bytes(raw) if number == 1 => Some(raw),
                _ => None,
            });
            serde_json::from_slice(raw?).ok()
        }
        (Type::Time, Wire::Bytes(bytes)) => {
            let mut seconds = 0;
            for (number, value) in Fields(bytes) {
                if let (1, Wire::Number(number)) = (number, value) {
                    seconds = number.cast_signed();
                }
            }
            if bytes.is_empty() {
                Some(Value::Null)
            } else {
                Some(json!(jiff::Timestamp::from_second(seconds).ok()?.to_string()))
            }
        }
        (Type::IntOrText, Wire::Bytes(bytes)) => {
            let (mut is_text, mut number, mut text) = (false, 0, String::new());
            for (field, value) in Fields(bytes) {
                match (field, value) {
                    (1, Wire::Number(kind)) => is_text = kind == 1,
                    (2, Wire::Number(value)) => number = value.cast_signed(),
                    (3, Wire::Bytes(value)) => text = String::from_utf8(value.to_vec()).ok()?,
                    _ => return None,
                }
            }
            Some(if is_text { json!(text) } else { json!(number) })
        }
        (Type::Quantity, Wire::Bytes(bytes)) => {
            let (_, text) = Fields(bytes).find(|(number, _)| *number == 1)?;
            single(&Type::Text, text)
        }
        (Type::Optional(ty), value) => single(ty, value),
        (Type::Int, Wire::Number(number)) => Some(json!(number.cast_signed())),
        (Type::Bool, Wire::Number(number)) => Some(json!(number != 0)),
        (Type::Message(inner), Wire::Bytes(bytes)) => message(inner, bytes),
        (Type::Texts, Wire::Bytes(bytes)) => {
            let texts = Fields(bytes).map(|(_, value)| single(&Type::Text, value));
            texts.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length-delimited field.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).expect("short")];
        bytes.extend(content);
        bytes
    }

    fn body(kind: &str, raw: &[u8]) -> Vec<u8> {
        let meta = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), field(1, &meta), field(2, raw), field(3, b""), field(4, b"")].concat()
    }

    #[test]
    fn an_object_is_read_by_the_table() {
        let entry = [field(1, b"a"), field(2, b"b")].concat();
        let meta = [field(1, b"x"), field(2, b""), field(3, b"default"), field(8, b""), field(11, &entry)].concat();
        let raw = [field(1, &meta), field(2, &entry), vec![4 << 3, 1]].concat();
        let read = decode(&body("ConfigMap", &raw)).expect("a ConfigMap");
        let expected = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "immutable": true, "data": { "a": "b" },
            "metadata": { "name": "x", "namespace": "default", "labels": { "a": "b" } },
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_set_to_zero_is_kept_and_what_is_not_known_is_not_lost() {
        let meta = field(1, &field(1, b"x"));
        let hard = [field(1, b"pods"), field(2, &field(1, b"3"))].concat();
        // Status and more that says nothing, as Go writes it.
        let quota = [meta.clone(), field(2, &field(1, &hard)), field(3, &[1 << 3, 0]), field(9, b"")].concat();
        let read = decode(&body("ResourceQuota", &quota)).expect("a quota");
        assert_eq!(read["spec"], json!({ "hard": { "pods": "3" } }));
        let none = [meta.clone(), field(2, &[1 << 3, 0, 5 << 3, 0])].concat();
        assert_eq!(decode(&body("Deployment", &none)).expect("a Deployment")["spec"], json!({ "replicas": 0 }));
        // A volume.
        let template = field(6, &field(2, &field(1, &field(1, b"v"))));
        assert_eq!(decode(&body("Job", &[meta, field(2, &template)].concat())), None);
    }

    #[test]
    fn what_is_broken_or_unknown_is_not_read() {
        let whole = body("ConfigMap", &field(1, &field(1, b"x")));
        for end in 5..whole.len() {
            // Cut anywhere: either refused or less, never a panic.
            let _ = decode(&whole[..end]);
        }
        assert_eq!(decode(&body("PodTemplate", b"")), None);
        assert_eq!(decode(b"{}"), None);
        assert_eq!(decode(&body("ConfigMap", &[0x0a, 0xff])), None);
    }
}

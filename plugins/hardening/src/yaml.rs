//! Reads YAML as far as manifests and configurations of the control plane need it: one document, without tags.

use kubephase_sdk::prelude::*;
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

/// Deeper documents are none of Kubernetes' own, and recursion has an end.
const MAX_DEPTH: usize = 64;

/// The first document.
pub fn parse(text: &str) -> Result<Value, Failure> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: Vec::new() };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
            event => return reader.value(event, 0),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: Vec<(usize, Value)>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, Failure> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(Failure::invalid(format!("not valid YAML: {error}"))),
            None => Err(Failure::invalid("not valid YAML: it ends too early")),
        }
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Result<Value, Failure> {
        if depth > MAX_DEPTH {
            return Err(Failure::invalid("not valid YAML for Kubernetes: too deep"));
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(&text, style)),
            Event::SequenceStart(anchor, _) => (anchor, self.sequence(depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.mapping(depth)?),
            Event::Alias(anchor) => {
                let value = self.anchors.iter().find(|(is, _)| *is == anchor).map(|(_, value)| value.clone());
                return value.ok_or_else(|| Failure::invalid("not valid YAML: an alias without its anchor"));
            }
            other => return Err(Failure::invalid(format!("not valid YAML: unexpected {other:?}"))),
        };
        if anchor > 0 {
            self.anchors.push((anchor, value.clone()));
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Failure> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(items.into()),
                event => items.push(self.value(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Failure> {
        let mut fields = serde_json::Map::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => return Ok(fields.into()),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(Failure::invalid("not valid YAML for Kubernetes: a key that is no text")),
            };
            let event = self.next()?;
            fields.insert(key, self.value(event, depth + 1)?);
        }
    }
}

/// A scalar by YAML's core schema, numbers as JSON has them.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if !matches!(style, ScalarStyle::Plain) {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        other => match serde_json::from_str(other) {
            Ok(Value::Number(number)) => number.into(),
            _ => other.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_of_kubeadm_are_read() {
        let text =
            include_str!("../../../tests/fixtures/golden/v1.36/01-defaults/files/etc/kubernetes/manifests/etcd.yaml");
        let pod = parse(text).expect("it is YAML");
        assert_eq!(StaticPod::of(&pod).flag("snapshot-count"), Some("10000"));
        assert_eq!(pod["spec"]["hostNetwork"], true);
        assert_eq!(pod["spec"]["priority"], 2_000_001_000);
        assert_eq!(pod["status"], json!({}));
    }

    #[test]
    fn scalars_are_what_they_look_like() {
        let document = parse("a: 0s\nb: \"0\"\nc: 0\nd: yes\ne:\nf: [x, 'y']\n").expect("it is YAML");
        assert_eq!(document, json!({"a": "0s", "b": "0", "c": 0, "d": "yes", "e": null, "f": ["x", "y"]}));
    }

    #[test]
    fn broken_and_deep_documents_are_refused() {
        assert!(parse("a: [b").is_err());
        assert!(parse(&"[".repeat(10_000)).is_err());
    }
}

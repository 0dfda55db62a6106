//! What strict validation finds in the text of an object: fields that its kind does not have and fields that are there
//! twice, in the order of the text and in the server's words. Looks at names alone; types are the decoder's business.

use std::collections::HashSet;
use std::fmt;

use kubephase_render::patch::schema::Type;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{field_type, join};

/// Findings such as `unknown field "spec.foo"` and `duplicate field "data.a"`; none if the text is no JSON.
pub(super) fn problems(ty: &Type, text: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(text);
    // What cannot be read at all is told by who reads it into a value.
    let _ = Names { ty, path: String::new(), found: &mut found }.deserialize(&mut json);
    found
}

struct Names<'a> {
    ty: &'a Type,
    path: String,
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = join(&self.path, &key);
            let known = match self.ty {
                Type::Object(_) => field_type(self.ty, &key),
                ty => Some(ty.item()),
            };
            if known.is_none() {
                self.found.push(format!("unknown field {path:?}"));
            } else if !seen.insert(key) {
                self.found.push(format!("duplicate field {path:?}"));
            }
            match known {
                Some(ty) if *ty != Type::Any => map.next_value_seed(Names { ty, path, found: self.found })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let path = format!("{}[{index}]", self.path);
            if list.next_element_seed(Names { ty: self.ty.item(), path, found: self.found })?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

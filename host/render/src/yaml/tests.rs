use std::sync::Arc;

use kubephase_model::Report;
use kubephase_model::report::Source;
use serde_json::json;

use super::*;

/// Reads with the YAML 1.1 rules of Go's decoder.
fn read_as_go(text: &str) -> Value {
    let source = Arc::new(Source { name: "test".into(), text: text.into() });
    let mut report = Report::default();
    let documents = kubephase_model::yaml::documents(&source, &mut report);
    assert!(report.problems.is_empty(), "{report}\n{text}");
    assert_eq!(documents.len(), 1, "{text}");
    documents[0].to_json()
}

#[test]
fn strings_that_look_like_something_else_are_quoted() {
    for string in [
        "",
        "~",
        "null",
        "Null",
        "NULL",
        "y",
        "Y",
        "yes",
        "Yes",
        "YES",
        "n",
        "No",
        "on",
        "On",
        "OFF",
        "true",
        "False",
        "<<",
        "=",
        "0",
        "7",
        "-1",
        "+1",
        "012",
        "0o7",
        "0x1F",
        "0b11",
        "-0b11",
        "1_000",
        "1e3",
        "1E-3",
        "1.",
        ".5",
        "1.5",
        "-.5e+10",
        ".inf",
        "-.INF",
        ".nan",
        "12:30",
        "1:30:00",
        "-12:30.5",
        "190:20",
        "2001-01-01",
        "2001-1-1",
        "2001-12-14t21:59:43.10-05:00",
        "2001-12-14 21:59:43",
        "1_2:3",
    ] {
        let text = yaml(&json!({ "k": string }));
        assert!(text.starts_with("k: \""), "{string:?} is written as {text}");
        assert_eq!(read_as_go(&text), json!({ "k": string }), "{text}");
        assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), json!({ "k": string }), "{text}");
        // As a key too.
        let text = yaml(&json!({ string: 1 }));
        assert_eq!(read_as_go(&text), json!({ string: 1 }), "{text}");
    }
}

#[test]
fn ordinary_strings_stay_plain() {
    for string in [
        "etcd",
        "--controllers=*,bootstrapsigner,tokencleaner",
        "10.96.0.10",
        "192.0.2.10:6443",
        "v1.36.2",
        "https://[2001:db8::1]:6443",
        "::1",
        "0.0.0.0",
        "100m",
        "5s",
        "3.6.8-0",
        "a#b",
        "a:b",
        "X-Remote-Extra-",
        "yesno",
        "1.2.3",
        "-x",
        "été",
        "e3",
        "0s",
        "12h",
        "it's",
    ] {
        let text = yaml(&json!({ "k": string }));
        assert_eq!(text, format!("k: {string}\n"));
        assert_eq!(read_as_go(&text), json!({ "k": string }), "{text}");
    }
}

#[test]
fn any_string_comes_back() {
    for string in [
        "*",
        "&a",
        "!x",
        "|",
        ">",
        "- a",
        "-",
        "?",
        "? x",
        ":",
        ": x",
        "a: b",
        "a:",
        "a #b",
        "#x",
        "[a]",
        "{a}",
        "%",
        "@a",
        "`a",
        "'a'",
        "\"a\"",
        " a",
        "a ",
        "---",
        "...",
        "--- a",
        "a\tb",
        "\t",
        "a\nb",
        "a\nb\n",
        "a\n\nb\n",
        "\na",
        " a\nb",
        "a\nb\n\n",
        "a \nb",
        "\n",
        "a\r\nb",
        "\u{1}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "🙂",
        "back\\slash",
        "a\nb: c\n# d",
        ",",
        "a, b",
        "a]",
        "key: [",
        "\u{7f}",
    ] {
        for value in
            [json!({ "k": string }), json!([string]), json!({ "k": [{ "a": string, "b": [string] }] }), json!(string)]
        {
            let text = yaml(&value);
            assert_eq!(read_as_go(&text), value, "{text}");
            assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), value, "{text}");
        }
    }
}

#[test]
fn the_layout_is_kubeadms() {
    let value = json!({
        "spec": { "volumes": [{ "name": "a", "hostPath": { "path": "/a", "type": "" } }], "empty": [], "hostNetwork": true },
        "status": {},
        "nested": [["a", "b"], [], {}],
        "none": null,
        "number": 1.5,
        "text": "a\nb\n",
        "odd": "*",
    });
    assert_eq!(
        yaml(&value),
        "nested:\n- - a\n  - b\n- []\n- {}\nnone: null\nnumber: 1.5\nodd: '*'\nspec:\n  empty: []\n  hostNetwork: true\n  \
         volumes:\n  - hostPath:\n      path: /a\n      type: \"\"\n    name: a\nstatus: {}\ntext: |\n  a\n  b\n"
    );
    assert_eq!(yaml(&json!({})), "{}\n");
}

#[test]
fn keys_are_in_gos_order() {
    let mut keys =
        ["b", "a10", "a9", "a", "A", "a-b", "a.b", "aB", "1", "10", "2", "a01", "a1", "ab", "a_b", "x100", "x20"];
    keys.sort_by(|a, b| key_order(a, b));
    assert_eq!(
        keys,
        ["1", "2", "10", "A", "a", "a-b", "a.b", "a_b", "a1", "a01", "a9", "a10", "aB", "ab", "b", "x20", "x100"]
    );
}

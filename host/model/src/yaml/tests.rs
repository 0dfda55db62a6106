use super::scalar::plain;
use super::*;

fn read(text: &str) -> (Vec<Node>, Report) {
    let source = Arc::new(Source { name: "c.yaml".into(), text: text.into() });
    let mut report = Report::default();
    let nodes = documents(&source, &mut report);
    (nodes, report)
}

#[test]
fn places_count_across_documents() {
    let (nodes, report) = read("a: 1\n---\nb:\n  c: [x, yes]\n");
    assert!(report.problems.is_empty(), "{report}");
    assert_eq!(nodes.len(), 2);
    let yes = nodes[1].nearest("b.c[1]");
    assert!(matches!(yes.kind, Kind::Bool(true)));
    assert_eq!((yes.place.line, yes.place.column, yes.place.len), (4, 10, 3));
}

#[test]
fn duplicate_keys_are_reported_and_the_last_one_counts() {
    let (nodes, report) = read("a: 1\na: 2\n");
    assert_eq!(report.problems.len(), 1);
    assert!(report.problems[0].strict);
    assert!(matches!(nodes[0].get("a").unwrap().kind, Kind::Int(2)));
}

#[test]
fn one_broken_document_does_not_hide_another() {
    let (nodes, report) = read("a: [b\n---\nc: d\n---\n\te: f\n");
    assert_eq!(nodes.len(), 1);
    assert_eq!(report.problems.len(), 2, "{report}");
    assert_eq!(report.problems[1].place.as_ref().unwrap().line, 5);
    assert!(report.problems[1].hint.as_ref().unwrap().contains("tabs"));
}

#[test]
fn tabs_indent_only_inside_brackets() {
    for text in ["{\n\t\"a\": {\n\t\t\"b\": [\n\t\t\t1\n\t\t]\n\t}\n}\n", "a: {\n  b: c,\td: e}\n"] {
        assert_eq!(read(text).1.to_string(), "", "{text}");
    }
    for text in ["\ta: b\n", "a:\n\tb: c\n", "a:\n  - b: c\n\t  d: e\n"] {
        let (nodes, report) = read(text);
        assert!(nodes.is_empty() && report.has_errors(), "{text:?}");
        let hint = report.problems[0].hint.clone().unwrap_or_default();
        assert!(hint.contains("tabs"), "{text:?}: {report}");
    }
}

#[test]
fn documents_without_content_and_text_behind_separators_are_reported() {
    for text in ["# only a comment\n---\na: b\n", "---\na: b\n---\n\n", "\n", "---\n", "---\n---\n", "\n---\na: b\n"] {
        assert!(read(text).1.has_errors(), "{text:?}");
    }
    for text in ["", "---\na: b\n---\n", "a: b\n---\n---\nc: d\n"] {
        assert!(read(text).1.problems.is_empty(), "{text:?}");
    }
    let (_, report) = read("--- a: b\n");
    assert!(report.has_errors());
    assert_eq!(report.problems[0].place.as_ref().unwrap().line, 1);
}

#[test]
fn characters_that_readers_disagree_about_are_refused() {
    for (text, column) in
        [("a: \u{7}", 4), ("# \u{1b}[31m", 3), ("a: b\rc: d", 5), ("a: b\u{2028}c", 5), ("a: \"\u{7f}\"", 5)]
    {
        let (nodes, report) = read(text);
        assert!(nodes.is_empty(), "{text:?}");
        assert_eq!(report.problems[0].place.as_ref().unwrap().column, column, "{text:?}");
    }
    for text in ["a: b\r\nc: d\r\n", "a: b\t# c\n", "a: \"b\u{85}c\"\n", "a: \u{e4}\n"] {
        assert_eq!(read(text).1.to_string(), "", "{text:?}");
    }
}

#[test]
fn what_looks_like_json_must_be_json() {
    for text in ["{\"a\": 1,}", "{a: b}", "x: y\n---\n{\n  'a': 1\n}\n"] {
        let (_, report) = read(text);
        assert!(report.problems[0].message.contains("JSON"), "{text}: {report}");
    }
    assert_eq!(read("a: {b: c,}\n").1.to_string(), "");
}

#[test]
fn tabs_may_follow_a_colon() {
    let (nodes, report) = read("x: y\n---\na:\tb\nc: {d:\te, f:\t\tg}\n\u{e4}:\th\n");
    assert_eq!(report.to_string(), "");
    let json = serde_json::json!({ "a": "b", "c": { "d": "e", "f": "g" }, "\u{e4}": "h" });
    assert_eq!(nodes[1].to_json(), json);
    assert_eq!(nodes[1].nearest("c.f").place.line, 4);
}

#[test]
fn a_line_without_a_colon_is_shown_itself() {
    let (_, report) = read("a: b\n  \nfoo\n\nc: d\n");
    assert_eq!(report.problems[0].place.as_ref().map(|p| (p.line, p.column, p.len)), Some((3, 1, 3)), "{report}");
    assert!(read("~: a\n").1.has_errors());
    let (_, report) = read("a: [b\n\n");
    assert_eq!(report.problems[0].place.as_ref().map(|p| (p.line, p.column)), Some((1, 5)), "{report}");
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        let refs = vec![format!("*a{}", i - 1); 9].join(", ");
        bomb.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
    }
    let (_, report) = read(&bomb);
    assert!(report.problems[0].message.contains("aliases"), "{report}");
    let (_, report) = read(&"[".repeat(5000));
    assert!(report.has_errors());
}

#[test]
fn plain_scalars_follow_go() {
    for (text, expected) in [
        ("017", Value::from(15)),
        ("0x1F", Value::from(31)),
        ("1_000", Value::from(1000)),
        ("1.5", Value::from(1.5)),
        ("1e+3", Value::from(1000.0)),
        ("-.5", Value::from(-0.5)),
        ("08", Value::from(8.0)),
        ("1e5", Value::from(100_000.0)),
        ("1.", Value::from(1.0)),
        ("1e", Value::from("1e")),
        (".", Value::from(".")),
        ("n", Value::from(false)),
        ("10.96.0.0/12", Value::from("10.96.0.0/12")),
        ("1.36.2", Value::from("1.36.2")),
        ("off", Value::from(false)),
        ("~", Value::Null),
        ("-", Value::from("-")),
        ("+1", Value::from(1)),
    ] {
        assert_eq!(plain_json(text), expected, "{text}");
    }
}

fn plain_json(text: &str) -> Value {
    Node {
        kind: plain(text),
        place: Place {
            source: Arc::new(Source { name: String::new(), text: String::new() }),
            line: 1,
            column: 1,
            len: 1,
        },
    }
    .to_json()
}

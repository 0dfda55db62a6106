//! What plugins and kubephase say to each other, from the WIT package, and what can be granted, from the tables that
//! grants are judged by.

use std::path::Path;

use kubephase_model::plugin::Grants;
use kubephase_model::plugin::grants::table::{FACTS, OWN_TARGETS, PATCH_TARGETS, PRIVILEGES};
use kubephase_model::plugin::grants::{SENSITIVE_FILES, SENSITIVE_OBJECTS};
use wit_bindgen_core::wit_parser::{
    Enum, Function, InterfaceId, Record, Resolve, Type, TypeDef, TypeDefKind, TypeOwner, WorldItem, WorldKey,
};

use super::markdown::{code, head, table};
use crate::cli::printer::grants::sentence;
use crate::plugins::bindings::package;

/// Keys of grants: what their scopes look like, and one of them.
const KEYS: [(&str, &str, &str); 10] = [
    ("facts", "a function of `facts`", "pci"),
    ("files", "a path; `*` within a part, `**` for any parts", "/sys/module/nvidia/**"),
    (
        "kube",
        "`<apiVersion>/<kind>[/<namespace>[/<name>]]`, no `*`; Secrets by their full name only",
        "v1/ConfigMap/kube-system",
    ),
    ("http", "`[http://]host[:port]`, `*.host`; https and 443 if nothing is said", "example.org:8443"),
    ("probe", "`<function>[:<what it may be used on>]`", "fdatasync:/var/lib/etcd"),
    ("patches", "a target of patches, `plugin:<name>`, or `plugin:*`", "kube-apiserver"),
    ("privileges", "`[<target>:]<privilege>`", "kube-apiserver:securityFlags"),
    ("hostPaths", "a path, with all that is below it; no `*`", "/var/log/kubernetes"),
    ("writes", "a path; `*` and `**` as for `files`, but not for sensitive files", "/etc/kubernetes/audit-policy.yaml"),
    (
        "objects",
        "`<apiVersion>/<kind>[/<namespace>[/<name>]]`, `*` for any part; `//` for no namespace",
        "apps/v1/Deployment/kube-system/metrics-server",
    ),
];

/// The page.
pub fn page() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (resolve, package) = package(&root).unwrap_or_else(|error| panic!("the WIT package is broken: {error:#}"));
    let name = &resolve.packages[package].name;
    let about = format!(
        "All that a plugin can ask and propose, and what each takes: the package `{name}`, whose source is \
         [wit/v0.1](../../../wit/v0.1), and the tables that grants are judged by. How a plugin is written stands in \
         [writing.md](writing.md), what to think about before something is granted in [operating.md](operating.md).\n\n\
         Names are those of WIT. Bindings spell them as their language does: `block-devices` is `block_devices` in Rust \
         and Python and `blockDevices` in JavaScript. In YAML and JSON (test cases, `-o json`) names of fields are in \
         camelCase.",
    );
    let mut text = head("What plugins can ask and propose", &about);
    text += &grants();
    text += "\n## What a plugin imports\n\nWhat it does not import it is not given, and nothing has to be granted for it.\n";
    for id in imports(&resolve) {
        text += &interface(&resolve, id);
    }
    text += "\n## What a plugin exports\n\n`metadata` always, and at least one of the others.\n";
    for id in exports(&resolve) {
        text += &interface(&resolve, id);
    }
    text += "\n## Values\n";
    for id in resolve.packages[package].interfaces.values().filter(|id| name_of(&resolve, **id) == "types") {
        text += &interface(&resolve, *id);
    }
    text
}

fn grants() -> String {
    let mut text = "## What can be granted\n\nNothing is granted by default.\n\n".to_owned();
    let keys = KEYS.iter().map(|(key, scopes, example)| {
        [code(key), (*scopes).to_owned(), code(example), format!("it may {}", words(&sentence(key, example)))]
    });
    text += &table(["key in `grants`", "what a scope looks like", "example", "and in words"], keys);

    text += "\n### Facts\n\n";
    let told = |fact| sentence("facts", fact).trim_start_matches("be told ").to_owned();
    text += &table(["scope of `facts`", "what it tells"], FACTS.iter().map(|fact| [code(fact), told(fact)]));

    text += "\n### Targets of patches\n\n";
    let changed = |target| words(sentence("patches", target).trim_start_matches("change "));
    let targets = PATCH_TARGETS.iter().copied().chain(["plugin:<name>", "plugin:*"]);
    text += &table(["scope of `patches`", "the document"], targets.map(|target| [code(target), changed(target)]));

    text += "\n### Privileges\n\nWhat patches, pods and objects of a plugin may have beyond the ordinary. Alone a privilege \
             holds everywhere; with a target and a colon before it only there. ";
    let own: Vec<String> = OWN_TARGETS.iter().map(|target| code(target)).collect();
    text += &format!(
        "Targets are those of patches, and {}: the plugin's own workloads, and static pods that it writes.\n\n",
        own.join(" and ")
    );
    let privileges = PRIVILEGES.iter().map(|(name, what)| [code(name), (*what).to_owned()]);
    text += &table(["privilege", "what one who has it may do"], privileges);

    text += "\n### What a pattern never allows\n\nThese files are written only if their whole path is granted:\n\n";
    text.extend(SENSITIVE_FILES.iter().map(|pattern| format!("- `{pattern}`\n")));
    text += "\nThese objects are applied only if their whole name is granted, and Secrets only if their kind is:\n\n";
    text += "- service accounts in the namespace `kube-system`\n";
    let objects = SENSITIVE_OBJECTS.iter();
    text.extend(objects.map(|(namespace, prefix)| format!("- `{prefix}…` in the namespace `{namespace}`\n")));
    text
}

/// Interfaces that the world `base` imports, in its order.
fn imports(resolve: &Resolve) -> Vec<InterfaceId> {
    let world = resolve.worlds.iter().find(|(_, world)| world.name == "base");
    let items = world.into_iter().flat_map(|(_, world)| &world.imports);
    items.filter_map(interface_of).filter(|id| name_of(resolve, *id) != "types").collect()
}

/// Interfaces that the world `plugin` exports: what all have, and then in its order.
fn exports(resolve: &Resolve) -> Vec<InterfaceId> {
    let world = resolve.worlds.iter().find(|(_, world)| world.name == "plugin");
    let items = world.into_iter().flat_map(|(_, world)| &world.exports);
    let mut exports: Vec<InterfaceId> = items.filter_map(interface_of).collect();
    exports.sort_by_key(|id| name_of(resolve, *id) != "metadata");
    exports
}

fn interface_of((_, item): (&WorldKey, &WorldItem)) -> Option<InterfaceId> {
    match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    }
}

fn name_of(resolve: &Resolve, id: InterfaceId) -> &str {
    resolve.interfaces[id].name.as_deref().unwrap_or_default()
}

fn interface(resolve: &Resolve, id: InterfaceId) -> String {
    let interface = &resolve.interfaces[id];
    let name = name_of(resolve, id);
    let full = resolve.id_of(id).unwrap_or_else(|| name.to_owned());
    let mut text = format!("\n### {name}\n\n`{full}`");
    if Grants::fields().contains(&name) {
        text += &format!(", granted by the key `{name}`");
    }
    text += &format!("\n\n{}\n", docs(interface.docs.contents.as_deref()));
    text += &functions(resolve, &interface.functions.values().collect::<Vec<_>>());
    for (name, id) in &interface.types {
        let ty = &resolve.types[*id];
        // What is only taken over from another interface is told there.
        if !matches!(&ty.kind, TypeDefKind::Type(Type::Id(_))) {
            text += &defined(resolve, name, ty);
        }
    }
    text
}

/// As a table, if what there is to say fits into its cells.
fn functions(resolve: &Resolve, functions: &[&Function]) -> String {
    if functions.is_empty() {
        return String::new();
    }
    let fits = |function: &&&Function| !docs(function.docs.contents.as_deref()).contains("\n\n");
    if functions.iter().filter(fits).count() == functions.len() {
        let rows = functions.iter().map(|it| [code(&signature(resolve, it)), line(it.docs.contents.as_deref())]);
        return "\n".to_owned() + &table(["function", "what it does"], rows);
    }
    let told = |it: &&Function| {
        format!(
            "\n#### function: {}\n\n`{}`\n\n{}\n",
            it.name,
            signature(resolve, it),
            docs(it.docs.contents.as_deref())
        )
    };
    functions.iter().map(told).collect()
}

fn defined(resolve: &Resolve, name: &str, ty: &TypeDef) -> String {
    let about = docs(ty.docs.contents.as_deref());
    let mut text = format!("\n#### {}: {name}\n\n{about}\n", ty.kind.as_str());
    match &ty.kind {
        TypeDefKind::Record(Record { fields }) => {
            let rows = fields.iter().map(|field| {
                [code(&field.name), code(&shown(resolve, &field.ty)), line(field.docs.contents.as_deref())]
            });
            text += "\n";
            text += &table(["field", "type", "what it is"], rows);
        }
        TypeDefKind::Enum(Enum { cases }) => {
            let rows = cases.iter().map(|case| [code(&case.name), line(case.docs.contents.as_deref())]);
            text += "\n";
            text += &table(["case", "what it means"], rows);
        }
        kind => text += &format!("\n`{}`\n", kind_shown(resolve, kind)),
    }
    text
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters = function.params.iter().map(|param| format!("{}: {}", param.name, shown(resolve, &param.ty)));
    let parameters: Vec<String> = parameters.collect();
    let result = function.result.as_ref().map(|ty| format!(" -> {}", shown(resolve, ty))).unwrap_or_default();
    format!("{}({}){result}", function.name, parameters.join(", "))
}

fn shown(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return primitive(ty).to_owned() };
    let ty = &resolve.types[*id];
    match &ty.name {
        Some(name) if ty.owner != TypeOwner::None => name.clone(),
        _ => kind_shown(resolve, &ty.kind),
    }
}

fn kind_shown(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let inner = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), |ty| shown(resolve, ty));
    match kind {
        TypeDefKind::Option(ty) => format!("option<{}>", shown(resolve, ty)),
        TypeDefKind::List(ty) => format!("list<{}>", shown(resolve, ty)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", inner(&result.ok), inner(&result.err)),
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(|ty| shown(resolve, ty)).collect();
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::Type(ty) => shown(resolve, ty),
        other => other.as_str().to_owned(),
    }
}

fn primitive(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        _ => "?",
    }
}

/// Paragraphs as they are.
fn docs(text: Option<&str>) -> String {
    text.unwrap_or_default().trim().to_owned()
}

/// For a cell of a table: one line, whose lists become words after semicolons.
fn line(text: Option<&str>) -> String {
    let mut told = String::new();
    for line in text.unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (between, line) = match line.strip_prefix("- ") {
            Some(item) if told.ends_with(':') => (" ", item),
            Some(item) => ("; ", item),
            None => (" ", line),
        };
        if between == "; " && told.ends_with('.') {
            told.pop();
        }
        told.push_str(if told.is_empty() { "" } else { between });
        told.push_str(line);
    }
    told
}

/// Words in which no letter means anything to Markdown.
fn words(text: &str) -> String {
    text.replace('*', "\\*").replace('<', "\\<")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_is_on_the_page() {
        assert_eq!(KEYS.map(|(key, _, _)| key).as_slice(), Grants::fields());
    }

    /// What is shown as an example can be granted.
    #[test]
    fn examples_are_scopes() {
        for (key, _, example) in KEYS {
            let mut grants = Grants::default();
            grants.list_mut(key).expect(key).push(example.to_owned());
            let problems = kubephase_model::plugin::grants::problems(&grants, "grants");
            assert!(problems.is_empty(), "{key}: {example}: {problems:?}");
        }
    }

    #[test]
    fn every_function_and_field_is_said_what_it_is() {
        for line in page().lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
            assert!(!line.contains('?'), "a type without a name: {line}");
        }
    }
}

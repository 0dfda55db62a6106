//! The Corefiles that kubeadm deploys and has deployed, made from one template.

use super::syntax::{Block, Corefile, Line};

/// What one generation of the template has.
#[derive(Clone, Copy)]
struct Style {
    /// `proxy` instead of `forward`.
    proxy: bool,
    /// Plugins `loop` and `loadbalance`.
    loop_and_balance: bool,
    /// Option `upstream` of `kubernetes`.
    upstream: bool,
    /// Option `ttl 30` of `kubernetes`.
    ttl: bool,
    /// Plugin `ready`.
    ready: bool,
    /// Option `lameduck 5s` of `health`.
    lameduck: bool,
    /// Option `max_concurrent 1000` of `forward`.
    max_concurrent: bool,
    /// Options `disable` of `cache`.
    uncached: bool,
}

/// From v1.32 on.
const NEWEST: Style = Style {
    proxy: false,
    loop_and_balance: true,
    upstream: false,
    ttl: true,
    ready: true,
    lameduck: true,
    max_concurrent: true,
    uncached: true,
};
/// v1.19 to v1.31.
const V1_19: Style = Style { uncached: false, ..NEWEST };
/// v1.17 and v1.18.
const V1_17: Style = Style { max_concurrent: false, ..V1_19 };
/// v1.16.
const V1_16: Style = Style { lameduck: false, ..V1_17 };
/// v1.14 and v1.15.
const V1_14: Style = Style { ready: false, upstream: true, ..V1_16 };
/// v1.12 and v1.13.
const V1_12: Style = Style { proxy: true, ttl: false, ..V1_14 };
/// v1.11.
const V1_11: Style = Style { loop_and_balance: false, ..V1_12 };

/// Every generation.
const STYLES: [Style; 7] = [NEWEST, V1_19, V1_17, V1_16, V1_14, V1_12, V1_11];

/// The Corefile of the releases that we deploy. `uncached` keeps the names of the cluster's own `domain` out of the
/// cache.
pub fn text(domain: &str, uncached: bool) -> String {
    Style { uncached, ..NEWEST }.text(domain)
}

impl Style {
    fn text(self, domain: &str) -> String {
        let mut text = String::from(".:53 {\n");
        let mut block = |head: &str, options: &[(bool, &str)]| {
            let options: Vec<&str> = options.iter().filter(|(has, _)| *has).map(|(_, option)| *option).collect();
            text.push_str(&format!("    {head}"));
            if !options.is_empty() {
                text.push_str(" {\n");
                options.iter().for_each(|option| text.push_str(&format!("       {option}\n")));
                text.push_str("    }");
            }
            text.push('\n');
        };
        block("errors", &[]);
        block("health", &[(self.lameduck, "lameduck 5s")]);
        if self.ready {
            block("ready", &[]);
        }
        block(
            &format!("kubernetes {domain} in-addr.arpa ip6.arpa"),
            &[
                (true, "pods insecure"),
                (self.upstream, "upstream"),
                (true, "fallthrough in-addr.arpa ip6.arpa"),
                (self.ttl, "ttl 30"),
            ],
        );
        block("prometheus :9153", &[]);
        let forward = if self.proxy { "proxy . /etc/resolv.conf" } else { "forward . /etc/resolv.conf" };
        block(forward, &[(self.max_concurrent, "max_concurrent 1000")]);
        let disable = ["success", "denial"].map(|class| format!("disable {class} {domain}"));
        block("cache 30", &disable.each_ref().map(|option| (self.uncached, option.as_str())));
        if self.loop_and_balance {
            block("loop", &[]);
        }
        block("reload", &[]);
        if self.loop_and_balance {
            block("loadbalance", &[]);
        }
        text.push_str("}\n");
        text
    }
}

/// Whether a Corefile is one that some kubeadm has deployed, for whatever domain: nobody would miss it. The order of
/// plugins and options does not matter; a comment makes it somebody's.
pub(super) fn is_default(corefile: &Corefile) -> bool {
    let plugins = corefile.0.lines.first().map_or(&[][..], Line::lines);
    let kubernetes = plugins.iter().find(|plugin| plugin.name() == "kubernetes");
    let Some(domain) = kubernetes.and_then(|plugin| plugin.args().first()) else { return false };
    STYLES.iter().any(|style| Corefile::parse(&style.text(domain)).is_ok_and(|known| same(&known.0, &corefile.0)))
}

fn same(a: &Block, b: &Block) -> bool {
    let same_line = |a: &Line, b: &Line| {
        a.words == b.words
            && b.comment.is_none()
            && b.before.iter().all(String::is_empty)
            && same(a.block.as_ref().unwrap_or(&Block::default()), b.block.as_ref().unwrap_or(&Block::default()))
    };
    b.end.iter().all(String::is_empty)
        && a.lines.len() == b.lines.len()
        && a.lines.iter().all(|line| b.lines.iter().any(|other| same_line(line, other)))
}

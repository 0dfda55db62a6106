//! Who signed whom, as a picture: authorities on the left, what they signed to their right. The same as a table below
//! it, for those who cannot see pictures or want to copy names.

use std::time::SystemTime;

use kubephase_pki::{Cert, Period, Usage, verify_chain};

use super::html::Html;
use super::{Certificate, Report, day};

const WIDTH: f64 = 430.0;
const GAP_X: f64 = 110.0;
const GAP_Y: f64 = 14.0;
const LINE: f64 = 17.0;
const PADDING: f64 = 12.0;
/// Characters of a line of names; the picture's font has a fixed width.
const COLUMNS: usize = 54;
/// Deeper chains are no chains of a cluster.
const DEEPEST: usize = 4;

/// A box of the picture.
struct Node<'a> {
    certificate: &'a Certificate,
    lines: Vec<String>,
    children: Vec<Node<'a>>,
    /// Who should have signed it did.
    sound: bool,
}

impl Node<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a few lines")]
    fn own_height(&self) -> f64 {
        PADDING * 2.0 + LINE * (1.0 + self.lines.len() as f64)
    }

    /// With all that it signed.
    #[expect(clippy::cast_precision_loss, reason = "some dozens of boxes")]
    fn height(&self) -> f64 {
        let children: f64 = self.children.iter().map(Node::height).sum();
        let gaps = GAP_Y * self.children.len().saturating_sub(1) as f64;
        self.own_height().max(children + gaps)
    }

    fn depth(&self) -> usize {
        1 + self.children.iter().map(Node::depth).max().unwrap_or(0)
    }
}

/// The picture and the table.
pub fn section(page: &mut Html, report: &Report) {
    if report.certificates.is_empty() {
        return;
    }
    let roots = trees(report);
    let height: f64 = roots.iter().map(|root| root.height() + GAP_Y * 2.0).sum();
    let columns = u32::try_from(roots.iter().map(Node::depth).max().unwrap_or(1)).unwrap_or(1);
    let width = f64::from(columns) * (WIDTH + GAP_X) - GAP_X + 4.0;
    page.raw("<section id=\"certificates\">\n<h2>Certificates</h2>\n<p class=\"lead\">Who signed whom. An arrow leads from an authority to what it signed; every signature was checked.</p>\n");
    page.raw("<div class=\"scroll\"><svg role=\"img\" aria-label=\"Certificate authorities and the certificates that they signed\" viewBox=\"-2 0 ");
    page.number(width).raw(" ").number(height).raw("\" width=\"").number(width).raw("\" height=\"").number(height);
    page.raw("\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n");
    let mut y = GAP_Y;
    for root in &roots {
        draw(page, root, 0.0, y, report.now);
        y += root.height() + GAP_Y * 2.0;
    }
    page.raw("</svg></div>\n");
    table(page, report);
    page.raw("</section>\n");
}

/// Returns the middle of the box, where an arrow may end.
fn draw(page: &mut Html, node: &Node<'_>, x: f64, y: f64, now: SystemTime) -> f64 {
    let (all, own) = (node.height(), node.own_height());
    let top = y + (all - own) / 2.0;
    let middle = top + own / 2.0;
    let mut child_y = y;
    for child in &node.children {
        let to = draw(page, child, x + WIDTH + GAP_X, child_y, now);
        let (from_x, to_x) = (x + WIDTH, x + WIDTH + GAP_X);
        let bend = GAP_X / 2.0;
        page.raw(if child.sound { "<path class=\"edge\" d=\"M" } else { "<path class=\"edge broken\" d=\"M" });
        page.number(from_x).raw(" ").number(middle).raw("C").number(from_x + bend).raw(" ").number(middle).raw(" ");
        page.number(to_x - bend).raw(" ").number(to).raw(" ").number(to_x).raw(" ").number(to);
        page.raw("\" marker-end=\"url(#tip)\"/>\n");
        child_y += child.height() + GAP_Y;
    }
    let cert = &node.certificate.cert;
    page.raw(match (cert.is_ca, cert.period(now)) {
        (_, Period::Over | Period::NotYet) => "<g class=\"box over\">",
        (true, _) => "<g class=\"box ca\">",
        (false, _) => "<g class=\"box\">",
    });
    page.raw("<title>").text(&node.certificate.path).raw("</title><rect x=\"").number(x).raw("\" y=\"").number(top);
    page.raw("\" width=\"").number(WIDTH).raw("\" height=\"").number(own).raw("\" rx=\"8\"/>");
    let mut line_y = top + PADDING + 12.0;
    page.raw("<text class=\"head\" x=\"").number(x + PADDING).raw("\" y=\"").number(line_y).raw("\">");
    page.text(short(&node.certificate.path)).raw("</text>");
    for line in &node.lines {
        line_y += LINE;
        page.raw("<text x=\"").number(x + PADDING).raw("\" y=\"").number(line_y).raw("\">").text(line).raw("</text>");
    }
    page.raw("</g>\n");
    middle
}

/// Authorities that sign themselves, or whose issuer is not here, with what hangs on them.
fn trees(report: &Report) -> Vec<Node<'_>> {
    let all = &report.certificates;
    let signs = |ca: &Certificate, cert: &Certificate| {
        ca.cert.is_ca && ca.cert.subject == cert.cert.issuer && ca.cert != cert.cert
    };
    let is_root = |cert: &Certificate| !all.iter().any(|ca| signs(ca, cert));
    let mut roots: Vec<&Certificate> = all.iter().filter(|cert| is_root(cert)).collect();
    // Authorities first; strangers' certificates at the end.
    roots.sort_by_key(|cert| !cert.cert.is_ca);
    roots.into_iter().map(|root| node(root, None, report, 1)).collect()
}

fn node<'a>(certificate: &'a Certificate, issuer: Option<&Cert>, report: &'a Report, depth: usize) -> Node<'a> {
    let cert = &certificate.cert;
    let mut children = Vec::new();
    if cert.is_ca && depth < DEEPEST {
        let own = report.certificates.iter().filter(|leaf| leaf.cert.issuer == cert.subject && leaf.cert != *cert);
        children.extend(own.map(|leaf| node(leaf, Some(cert), report, depth + 1)));
    }
    let sound = issuer.is_none_or(|ca| verify_chain(cert, &[], std::slice::from_ref(ca), report.now).is_ok());
    Node { certificate, lines: lines(cert, sound), children, sound }
}

fn lines(cert: &Cert, sound: bool) -> Vec<String> {
    let mut lines = wrapped("", &cert.subject);
    lines.push(format!("{} to {} {}", day(cert.not_before), day(cert.not_after), usages(cert)).trim_end().to_owned());
    if !sound {
        lines.push("the signature does not verify".to_owned());
    }
    let names = names(cert);
    if !names.is_empty() && !cert.is_ca {
        lines.extend(wrapped("for ", &names));
    }
    lines
}

fn usages(cert: &Cert) -> String {
    if cert.is_ca {
        return "(authority)".to_owned();
    }
    let usages = cert.usages.iter().map(|usage| match usage {
        Usage::ServerAuth => "server",
        Usage::ClientAuth => "client",
    });
    let usages: Vec<&str> = usages.collect();
    if usages.is_empty() { String::new() } else { format!("({})", usages.join(", ")) }
}

fn names(cert: &Cert) -> String {
    let ips = cert.ips.iter().map(ToString::to_string);
    cert.dns.iter().cloned().chain(ips).collect::<Vec<_>>().join(", ")
}

/// At blanks, after commas, and where there are none wherever the line ends.
fn wrapped(lead: &str, text: &str) -> Vec<String> {
    let mut lines = vec![lead.to_owned()];
    for word in text.split_inclusive([' ', ',']) {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let used = lines.last().map_or(0, |line| line.chars().count());
            let fits = word.len() + used <= COLUMNS;
            if !fits && used > 0 && word.len() <= COLUMNS {
                lines.push(String::new());
                continue;
            }
            let rest = word.split_off(word.len().min(COLUMNS - used.min(COLUMNS)));
            if let Some(line) = lines.last_mut() {
                line.extend(word);
            }
            word = rest;
            if !word.is_empty() {
                lines.push(String::new());
            }
        }
    }
    lines.iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The part of a path that tells files apart.
fn short(path: &str) -> &str {
    for directory in ["/etc/kubernetes/pki/", "/etc/kubernetes/", "/var/lib/"] {
        if let Some(rest) = path.strip_prefix(directory) {
            return rest;
        }
    }
    path
}

fn table(page: &mut Html, report: &Report) {
    page.raw("<details><summary>As a table</summary><div class=\"scroll\"><table>\n<thead><tr><th>File</th><th>Subject</th><th>Signed by</th><th>Valid</th><th>Use</th><th>Names</th></tr></thead>\n<tbody>\n");
    for Certificate { path, cert } in &report.certificates {
        let issuer = if cert.issuer == cert.subject { "itself" } else { &cert.issuer };
        page.raw("<tr><td><code>").text(path).raw("</code></td><td>").text(&cert.subject).raw("</td><td>").text(issuer);
        page.raw("</td><td>").text(day(cert.not_before)).raw(" to ").text(day(cert.not_after)).raw("</td><td>");
        page.text(usages(cert)).raw("</td><td>").text(names(cert)).raw("</td></tr>\n");
    }
    page.raw("</tbody>\n</table></div></details>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_commas_and_long_words_anywhere() {
        let names = "kubernetes, kubernetes.default, kubernetes.default.svc, kubernetes.default.svc.cluster.local";
        let lines = wrapped("for ", names);
        let last = "kubernetes.default.svc.cluster.local";
        assert_eq!(lines, ["for kubernetes, kubernetes.default,", "kubernetes.default.svc,", last]);
        let long = "x".repeat(COLUMNS * 2 + 3);
        assert_eq!(wrapped("", &long).iter().map(String::len).collect::<Vec<_>>(), [COLUMNS, COLUMNS, 3]);
        assert_eq!(wrapped("", ""), Vec::<String>::new());
    }
}

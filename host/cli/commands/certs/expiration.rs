//! `certs check-expiration`: the table is kubeadm's.

use std::time::SystemTime;

use der::DateTime;
use kubephase_node::Node;
use kubephase_render::yaml;
use kubephase_workflow::certs::{Expirations, Expiry, expirations};

use super::failure;
use crate::args::certs::CheckArgs;
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::printer::table::table;
use crate::printer::{err, out};
use crate::report;

pub fn run(args: &CheckArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let settings = super::cluster(&host, &args.cluster, global)?;
    let found = expirations(&settings.cluster, &host);
    let now = host.now();
    out(&match global.output {
        Output::Text => text(&found, now),
        Output::Json => format!("{:#}\n", found.object(now)),
        Output::Yaml => yaml(&found.object(now)),
    });
    for warning in &found.warnings {
        err(&format!("warning: {warning}\n"));
    }
    let Some(first) = found.unreadable.first().map(ToString::to_string) else { return Ok(()) };
    // Beside an object on standard output there is no place for it there.
    for error in found.unreadable {
        let text = Global { output: Output::Text, ..global.clone() };
        report::failure(&failure(error), &text);
    }
    Err(Failure::Machine { error: first.into(), hint: None, told: true })
}

fn text(found: &Expirations, now: SystemTime) -> String {
    let head = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut certificates =
        vec![head(&["CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED"])];
    certificates.extend(found.certificates.iter().map(|row| cells(row, now)));
    let mut authorities = vec![head(&["CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"])];
    authorities.extend(found.authorities.iter().map(|row| cells(row, now)));
    format!("{}\n{}", table(&certificates), table(&authorities))
}

fn cells(row: &Expiry, now: SystemTime) -> Vec<String> {
    let Some(end) = row.not_after else {
        let name = if row.missing { "!MISSING!" } else { "!UNREADABLE!" };
        // The empty cell ends the first one: its column is as wide as this.
        return vec![format!("{name} {}", row.name), String::new()];
    };
    let mut cells = vec![row.name.to_owned(), date(end), duration(row.residual(now))];
    cells.extend(row.authority.map(str::to_owned));
    cells.push(if row.externally_managed { "yes" } else { "no" }.to_owned());
    cells
}

/// `Nov 23, 2027 00:38 UTC`.
fn date(time: SystemTime) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Ok(time) = DateTime::from_system_time(time) else { return String::new() };
    let month = MONTHS.get(usize::from(time.month()).wrapping_sub(1)).copied().unwrap_or_default();
    format!("{month} {:02}, {} {:02}:{:02} UTC", time.day(), time.year(), time.hour(), time.minutes())
}

/// The largest unit alone, as `kubectl get` tells ages (apimachinery's `ShortHumanDuration`).
fn duration(seconds: i64) -> String {
    const UNITS: [(i64, &str); 5] = [(365 * 24 * 3600, "y"), (24 * 3600, "d"), (3600, "h"), (60, "m"), (1, "s")];
    match seconds {
        // A second more or less is the clocks' matter.
        ..=-2 => "<invalid>".to_owned(),
        -1 | 0 => "0s".to_owned(),
        _ => UNITS
            .iter()
            .find(|(length, _)| seconds >= *length)
            .map_or_else(String::new, |(length, unit)| format!("{}{unit}", seconds / length)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn times_left() {
        for (seconds, text) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h"),
            (86_399, "23h"),
            (86_400, "1d"),
            (31_535_565, "364d"),
            (31_536_000, "1y"),
            (315_359_565, "9y"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn dates_are_told_as_kubeadm_tells_them() {
        assert_eq!(date(UNIX_EPOCH + Duration::from_secs(1_827_016_692)), "Nov 24, 2027 00:38 UTC");
        assert_eq!(date(UNIX_EPOCH), "Jan 01, 1970 00:00 UTC");
    }
}

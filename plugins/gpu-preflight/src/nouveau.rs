//! Nouveau, the kernel's own driver for NVIDIA's GPUs: not loaded, and kept from loading first at the next boot.

use kubephase_sdk::facts::{KernelModule, PciDevice};
use kubephase_sdk::prelude::*;

use crate::devices::named;

/// Nouveau, and its successor for newer GPUs.
const DRIVERS: [&str; 2] = ["nouveau", "nova_core"];
/// Where modprobe reads its configuration (modprobe.d(5)).
const FOLDERS: [&str; 4] = ["/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"];

/// Files that are looked at.
pub const FILES: [&str; 4] =
    ["/etc/modprobe.d/*.conf", "/run/modprobe.d/*.conf", "/usr/lib/modprobe.d/*.conf", "/lib/modprobe.d/*.conf"];

const LINK: &str = "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/index.html";
const REMEDY: &str = "write `blacklist nouveau` and `options nouveau modeset=0` to /etc/modprobe.d/nouveau.conf, \
                      make the initramfs anew and reboot";

/// What was seen of it.
pub struct Seen {
    /// Those of its modules that are loaded.
    pub loaded: Vec<&'static str>,
    /// Whether it is kept out at the next boot. Asked if no driver is loaded.
    pub kept_out: Result<bool, Failure>,
}

/// Asks.
pub fn look(modules: &[KernelModule]) -> Seen {
    let is_loaded = |name: &str| modules.iter().any(|module| module.name == name);
    let loaded: Vec<_> = DRIVERS.into_iter().filter(|name| is_loaded(name)).collect();
    // With NVIDIA's driver at work the question is settled.
    let settled = !loaded.is_empty() || is_loaded("nvidia");
    Seen { loaded, kept_out: if settled { Ok(true) } else { kept_out() } }
}

fn kept_out() -> Result<bool, Failure> {
    let mut refused = match facts::command_line() {
        Ok(parameters) if by_command_line(&parameters) => return Ok(true),
        Ok(_) => None,
        Err(failure) => Some(failure),
    };
    for folder in FOLDERS {
        let names = files::list_directory(folder);
        let paths = names.map(|names| names.into_iter().map(|name| format!("{folder}/{name}")).collect());
        for text in paths.map_or_else(|failure| vec![Err(failure)], |paths: Vec<_>| read(&paths)) {
            match text {
                Ok(text) if by_file(&text) => return Ok(true),
                Ok(_) => {}
                Err(failure) if failure.code == "not-found" => {}
                Err(failure) => refused = refused.or(Some(failure)),
            }
        }
    }
    refused.map_or(Ok(false), Err)
}

fn read(paths: &[String]) -> Vec<Result<String, Failure>> {
    paths.iter().filter(|path| path.ends_with(".conf")).map(|path| files::read_text(path)).collect()
}

/// Whether modprobe's configuration keeps it out: `blacklist nouveau`, or `install nouveau /bin/false`.
fn by_file(text: &str) -> bool {
    text.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["blacklist", "nouveau"] => true,
            ["install", "nouveau", program, ..] => program.ends_with("/false") || program.ends_with("/true"),
            _ => false,
        }
    })
}

/// Whether the kernel's parameters do.
fn by_command_line(parameters: &[String]) -> bool {
    let lists = ["modprobe.blacklist", "module_blacklist", "rd.driver.blacklist", "rdblacklist"];
    parameters.iter().any(|parameter| match parameter.split_once('=') {
        Some((name, value)) if lists.contains(&name) => value.split(',').any(|module| module == "nouveau"),
        Some(("nouveau.modeset", "0") | ("nouveau.blacklist", "1" | "yes")) => true,
        _ => false,
    })
}

/// Judges.
pub fn judge(gpus: &[&PciDevice], seen: &Seen) -> Vec<Finding> {
    let bound: Vec<&PciDevice> =
        gpus.iter().copied().filter(|gpu| gpu.driver.as_deref().is_some_and(|name| DRIVERS.contains(&name))).collect();
    if !bound.is_empty() || !seen.loaded.is_empty() {
        let message = match (&bound[..], &seen.loaded[..]) {
            ([], loaded) => format!("the kernel's own driver is loaded: {}", loaded.join(", ")),
            (bound, _) => format!("the kernel's own driver has taken {}", named(bound)),
        };
        return vec![Finding::error("Nouveau", message).expected("nouveau, not loaded").remedy(REMEDY).link(LINK)];
    }
    let finding = match &seen.kept_out {
        Ok(true) => return Vec::new(),
        Ok(false) => Finding::warning("Nouveau", "nothing keeps nouveau from taking the GPUs at the next boot")
            .expected("nouveau, blacklisted")
            .remedy(REMEDY)
            .link(LINK),
        Err(failure) => Finding::cannot_tell("Nouveau", "whether nouveau is kept out", failure),
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{device, failure, ids, with_driver};

    #[test]
    fn every_way_to_keep_it_out_counts() {
        for line in [
            "blacklist nouveau",
            "\tblacklist  nouveau ",
            "install nouveau /bin/false",
            "install nouveau /usr/bin/true",
        ] {
            assert!(by_file(&format!("# NVIDIA\n{line}\noptions nouveau modeset=0\n")), "{line}");
        }
        for line in [
            "# blacklist nouveau",
            "blacklist nouveau2",
            "install nouveau modprobe nvidia",
            "options nouveau modeset=0",
        ] {
            assert!(!by_file(line), "{line}");
        }
        let by = |parameter: &str| by_command_line(&["ro".into(), parameter.into()]);
        assert!(by("modprobe.blacklist=pcspkr,nouveau") && by("nouveau.modeset=0") && by("module_blacklist=nouveau"));
        assert!(!by("modprobe.blacklist=pcspkr") && !by("nouveau.modeset=1") && !by("nouveau"));
    }

    #[test]
    fn a_bound_device_says_more_than_a_module() {
        let gpu = device("0000:01:00.0", 0x10de, 0x030200);
        let bound = with_driver(gpu.clone(), "nouveau");
        let none = |kept_out| Seen { loaded: vec![], kept_out };
        assert!(judge(&[&bound], &none(Ok(true)))[0].message.ends_with("has taken GPU 0000:01:00.0"));
        let loaded = Seen { loaded: vec!["nouveau"], kept_out: Ok(true) };
        assert_eq!(ids(&judge(&[&gpu], &loaded)), ["error Nouveau"]);
        assert_eq!(ids(&judge(&[&gpu], &none(Ok(false)))), ["warning Nouveau"]);
        assert_eq!(ids(&judge(&[&gpu], &none(Err(failure("unavailable"))))), ["warning Nouveau"]);
        assert_eq!(judge(&[&gpu], &none(Ok(true))), []);
    }
}

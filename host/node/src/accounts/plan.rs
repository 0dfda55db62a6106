//! What the user database must become, as text: pure. Rules and refusals are kubeadm's
//! (`cmd/kubeadm/app/util/users`), so that either tool accepts what the other made.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::{AccountsError, LOGIN_DEFS, Wanted};

/// Nobody logs in as a component.
const SHELL: &str = "/bin/false";

/// System users and groups by name, with their IDs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// User ID and primary group ID of each wanted user.
    pub users: BTreeMap<String, (u32, u32)>,
    /// ID of each wanted group.
    pub groups: BTreeMap<String, u32>,
}

/// What is to be written, and the IDs that hold then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// New text of `/etc/passwd`; `None` if it has everything.
    pub(super) passwd: Option<String>,
    /// New text of `/etc/group`; `None` if it has everything.
    pub(super) group: Option<String>,
    pub(super) accounts: Accounts,
}

/// Adds what is missing and refuses what is there but does not fit. New IDs are the lowest free ones of the system
/// range. `login_defs` is the text of `/etc/login.defs`, empty if there is none.
pub(super) fn plan(wanted: &Wanted<'_>, passwd: &str, group: &str, login_defs: &str) -> Result<Plan, AccountsError> {
    let limits = Limits::of(login_defs)?;
    let users = entries::<User>(passwd)?;
    let groups = entries::<Group>(group)?;
    let mut accounts = Accounts::default();

    let mut free = free_ids(limits.gids, groups.iter().map(|group| group.gid));
    let mut new_groups = String::new();
    for (name, members) in wanted.all_groups() {
        let gid = match groups.iter().find(|group| group.name == name) {
            Some(group) => group.check(&members, &free.range)?,
            None => {
                let gid = free.take("group")?;
                new_groups.push_str(&format!("{name}:x:{gid}:{}\n", members.join(",")));
                gid
            }
        };
        accounts.groups.insert(name.to_owned(), gid);
    }

    let mut free = free_ids(limits.uids, users.iter().map(|user| user.uid));
    let mut new_users = String::new();
    for name in wanted.users {
        let gid = accounts.groups[*name];
        let uid = match users.iter().find(|user| user.name == *name) {
            Some(user) => user.check(gid, &free.range)?,
            None => {
                let uid = free.take("user")?;
                new_users.push_str(&format!("{name}:x:{uid}:{gid}:::{SHELL}\n"));
                uid
            }
        };
        accounts.users.insert((*name).to_owned(), (uid, gid));
    }
    Ok(Plan { passwd: append(passwd, &new_users), group: append(group, &new_groups), accounts })
}

fn append(text: &str, lines: &str) -> Option<String> {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    (!lines.is_empty()).then(|| format!("{text}{end}{lines}"))
}

/// The ranges of system IDs.
#[derive(Debug, PartialEq, Eq)]
struct Limits {
    uids: RangeInclusive<u32>,
    gids: RangeInclusive<u32>,
}

impl Limits {
    /// Reads login.defs(5); 100–999 is for what it leaves out.
    fn of(login_defs: &str) -> Result<Self, AccountsError> {
        let mut limits = BTreeMap::new();
        for (number, line) in (1..).zip(login_defs.lines()) {
            let mut words = line.split_ascii_whitespace();
            let Some(name @ ("SYS_UID_MIN" | "SYS_UID_MAX" | "SYS_GID_MIN" | "SYS_GID_MAX")) = words.next() else {
                continue;
            };
            let value = words.next().and_then(|word| word.parse().ok());
            let why = || format!("{name} must be a whole number");
            limits.insert(name, value.ok_or_else(|| AccountsError::malformed(LOGIN_DEFS, number, why()))?);
        }
        let limit = |name: &str, default: u32| limits.get(name).copied().unwrap_or(default);
        Ok(Self {
            uids: limit("SYS_UID_MIN", 100)..=limit("SYS_UID_MAX", 999),
            gids: limit("SYS_GID_MIN", 100)..=limit("SYS_GID_MAX", 999),
        })
    }
}

struct Free {
    range: RangeInclusive<u32>,
    taken: BTreeSet<u32>,
}

fn free_ids(range: RangeInclusive<u32>, taken: impl Iterator<Item = u32>) -> Free {
    Free { range, taken: taken.collect() }
}

impl Free {
    fn take(&mut self, kind: &'static str) -> Result<u32, AccountsError> {
        let id = self.range.clone().find(|id| !self.taken.contains(id));
        let id = id.ok_or(AccountsError::NoFreeId { kind, min: *self.range.start(), max: *self.range.end() })?;
        self.taken.insert(id);
        Ok(id)
    }
}

/// A line of the database.
trait Entry: Sized {
    const FILE: &'static str;
    const FIELDS: usize;
    fn of(fields: &[&str]) -> Option<Self>;
}

struct User {
    name: String,
    uid: u32,
    gid: u32,
    shell: String,
}

impl Entry for User {
    const FILE: &'static str = super::PASSWD;
    const FIELDS: usize = 7;

    fn of(fields: &[&str]) -> Option<Self> {
        let (uid, gid) = (fields[2].parse().ok()?, fields[3].parse().ok()?);
        Some(Self { name: fields[0].to_owned(), uid, gid, shell: fields[6].to_owned() })
    }
}

impl User {
    /// The user ID, if this user is as we would make it.
    fn check(&self, gid: u32, range: &RangeInclusive<u32>) -> Result<u32, AccountsError> {
        let refuse = |why| Err(AccountsError::unfit("user", &self.name, why));
        if !range.contains(&self.uid) {
            return refuse(outside("user ID", self.uid, range));
        }
        if self.shell != SHELL {
            return refuse(format!("its shell is {}, not {SHELL}", self.shell));
        }
        if self.gid != gid {
            return refuse(format!("its primary group has ID {}, not {gid} as the group of its name", self.gid));
        }
        Ok(self.uid)
    }
}

struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl Entry for Group {
    const FILE: &'static str = super::GROUP;
    const FIELDS: usize = 4;

    fn of(fields: &[&str]) -> Option<Self> {
        let members = fields[3].split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Some(Self { name: fields[0].to_owned(), gid: fields[2].parse().ok()?, members })
    }
}

impl Group {
    /// The group ID, if this group is as we would make it.
    fn check(&self, members: &[&str], range: &RangeInclusive<u32>) -> Result<u32, AccountsError> {
        let refuse = |why| Err(AccountsError::unfit("group", &self.name, why));
        if !range.contains(&self.gid) {
            return refuse(outside("group ID", self.gid, range));
        }
        // Whoever is in it reads what it protects.
        let found: BTreeSet<&str> = self.members.iter().map(String::as_str).collect();
        if found != members.iter().copied().collect() {
            return refuse(format!("its members are [{}], not [{}]", self.members.join(", "), members.join(", ")));
        }
        Ok(self.gid)
    }
}

fn outside(what: &str, id: u32, range: &RangeInclusive<u32>) -> String {
    format!("its {what} {id} is outside the system range {} to {}", range.start(), range.end())
}

/// Lines that are for other databases (`+`, `-` of nsswitch's compat mode) and remarks are none of ours.
fn entries<E: Entry>(text: &str) -> Result<Vec<E>, AccountsError> {
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['+', '-', '#']) {
            continue;
        }
        let fields: Vec<&str> = line.split(':').collect();
        let entry = if fields.len() == E::FIELDS { E::of(&fields) } else { None };
        // The line itself may hold a password hash on very old systems: it is not shown.
        let why = || format!("it must have {} fields with numeric IDs", E::FIELDS);
        entries.push(entry.ok_or_else(|| AccountsError::malformed(E::FILE, number, why()))?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted<'static> = Wanted { users: &["a", "b"], groups: &[("readers", &["a", "b"])] };
    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nmail:x:100:101::/:/usr/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\ncron:x:100:\nmail:x:101:\n";

    #[test]
    fn the_lowest_free_ids_are_taken_and_lines_appended() {
        let planned = plan(&WANTED, PASSWD, GROUP, "").expect("a plan");
        let (passwd, group) = (planned.passwd.expect("new users"), planned.group.expect("new groups"));
        assert_eq!(passwd, format!("{PASSWD}a:x:101:102:::/bin/false\nb:x:102:103:::/bin/false\n"));
        assert_eq!(group, format!("{GROUP}a:x:102:a\nb:x:103:b\nreaders:x:104:a,b\n"));
        assert_eq!(planned.accounts.users["b"], (102, 103));
        assert_eq!(planned.accounts.groups["readers"], 104);

        let again = plan(&WANTED, &passwd, &group, "").expect("a plan");
        assert_eq!(again, Plan { passwd: None, group: None, accounts: planned.accounts });
    }

    #[test]
    fn groups_without_their_users_are_completed() {
        let planned = plan(&WANTED, PASSWD, &format!("{GROUP}a:x:500:a"), "").expect("a plan");
        assert_eq!(planned.accounts.users["a"], (101, 500));
        // The last line had no end.
        assert!(planned.group.expect("new groups").contains("\na:x:500:a\nb:x:102:b\n"));
    }

    #[test]
    fn ranges_come_from_login_defs() {
        let defs = "# SYS_UID_MIN 1\nSYS_UID_MIN\t\t 201\nSYS_UID_MAX 202 # two\nSYS_GID_MIN 300\nUID_MIN 1000\n";
        let planned = plan(&WANTED, PASSWD, GROUP, defs).expect("a plan");
        assert_eq!(planned.accounts.users["a"], (201, 300));
        assert_eq!(planned.accounts.users["b"], (202, 301));
        let text = |defs: &str| plan(&WANTED, PASSWD, GROUP, defs).expect_err("no plan").to_string();
        assert_eq!(text("SYS_UID_MIN 201\nSYS_UID_MAX 201\n"), "no free user ID is left between 201 and 201");
        assert_eq!(text("SYS_UID_MIN 900\nSYS_UID_MAX 200\n"), "no free user ID is left between 900 and 200");
        assert_eq!(
            text("\nSYS_GID_MAX many\n"),
            "cannot read line 2 of /etc/login.defs: SYS_GID_MAX must be a whole number"
        );
    }

    #[test]
    fn what_exists_must_fit() {
        let text = |passwd: &str, group: &str| plan(&WANTED, passwd, group, "").expect_err("refused").to_string();
        for (passwd, group, expected) in [
            (
                "a:x:1000:200:::/bin/false",
                "a:x:200:a",
                "user a: its user ID 1000 is outside the system range 100 to 999",
            ),
            ("a:x:200:200:::/bin/sh", "a:x:200:a", "user a: its shell is /bin/sh, not /bin/false"),
            (
                "a:x:200:300:::/bin/false",
                "a:x:200:a\nz:x:300:",
                "user a: its primary group has ID 300, not 200 as the group of its name",
            ),
            ("", "b:x:99:b", "group b: its group ID 99 is outside the system range 100 to 999"),
            ("", "readers:x:300:a,b,eve", "group readers: its members are [a, b, eve], not [a, b]"),
            ("", "a:x:300:", "group a: its members are [], not [a]"),
        ] {
            assert_eq!(text(passwd, group), format!("cannot use the {expected}"));
        }
        assert!(plan(&WANTED, "", "readers:x:300:b,a", "").is_ok(), "the order of members says nothing");
    }

    #[test]
    fn lines_that_are_no_entries_are_refused_without_being_shown() {
        let error = plan(&WANTED, "root:x:0:0:root:/root:/bin/sh\nsecret\n", GROUP, "").expect_err("refused");
        assert_eq!(error.to_string(), "cannot read line 2 of /etc/passwd: it must have 7 fields with numeric IDs");
        assert!(plan(&WANTED, "+::::::\n-x::::::\n# remark\n\n", "+:::\n", "").is_ok());
    }
}

//! Bundles as tar archives: where each file of one lies, and writing one that is the same for the same contents. What
//! comes in is foreign: nothing is unpacked, and names that try to lead elsewhere are refused.

use std::collections::BTreeMap;

use kubephase_node::{Change, Draft, Source};
use tar::{EntryType, Header};

use super::digest::{Digest, Hasher};
use super::error::{ImagesError, Problems};
use super::headers::Headers;

const BLOCK: u64 = 512;

/// Where the files of an archive lie.
#[derive(Debug)]
pub struct Contents<'a> {
    source: &'a Source,
    files: BTreeMap<String, Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    size: u64,
}

impl<'a> Contents<'a> {
    /// Looks through an archive. Returns everything that is wrong with it instead.
    pub async fn scan(source: &'a Source) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if let Some(problem) = compression(source) {
            problems.push(problem);
            return Err(problems);
        }
        let mut files = BTreeMap::new();
        let mut headers = Headers::new(source);
        loop {
            // Reading a file never waits, and others have a right to the thread: Ctrl-C.
            tokio::task::yield_now().await;
            let entry = match headers.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(problem) => {
                    problems.push(problem);
                    break;
                }
            };
            let Some(path) = std::str::from_utf8(&entry.name).ok().and_then(clean) else {
                problems.push(format!("its file `{}` has a name that leads elsewhere", entry.name.escape_ascii()));
                continue;
            };
            let place = Place { offset: entry.offset, size: entry.size };
            match entry.kind {
                EntryType::Directory | EntryType::XGlobalHeader => continue,
                EntryType::Regular | EntryType::Continuous => {}
                kind => {
                    problems.push(format!(
                        "`{path}` is no regular file but of tar's type {:?}",
                        char::from(kind.as_byte())
                    ));
                    continue;
                }
            }
            if place.offset.checked_add(place.size).is_none_or(|end| end > source.length()) {
                problems.push(format!("it ends in the middle of `{path}`"));
                break;
            }
            if files.insert(path.clone(), place).is_some() {
                problems.push(format!("it has `{path}` twice"));
            }
        }
        if files.is_empty() && problems.is_empty() {
            problems.push("it has no files");
        }
        if problems.is_empty() { Ok(Self { source, files }) } else { Err(problems) }
    }

    /// The size of a file in bytes; `None` if there is none.
    pub fn size(&self, path: &str) -> Option<u64> {
        self.files.get(path).map(|place| place.size)
    }

    /// Names of all files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// A whole file of at most `limit` bytes; `None` if there is none, or a larger one.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, ImagesError> {
        let Some(place) = self.files.get(path).filter(|place| place.size <= limit) else { return Ok(None) };
        self.piece(path, 0, place.size).map(Some)
    }

    /// Part of a file that is there, cut off at its end.
    pub fn piece(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>, ImagesError> {
        let Some(place) = self.files.get(path) else { return Ok(Vec::new()) };
        let length = length.min(place.size.saturating_sub(offset));
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.source.read_at(place.offset + offset, &mut bytes)?;
        Ok(bytes)
    }
}

/// Many programs compress archives by themselves; a bundle's layers are compressed already.
fn compression(source: &Source) -> Option<String> {
    let mut magic = [0; 4];
    // A file with less than four bytes is told by the reader of archives.
    source.read_at(0, &mut magic).ok()?;
    let program = match magic {
        [0x1f, 0x8b, ..] => "gunzip",
        [0x28, 0xb5, 0x2f, 0xfd] => "unzstd",
        [0xfd, b'7', b'z', b'X'] => "unxz",
        _ => return None,
    };
    Some(format!("it is compressed: unpack it with `{program}`"))
}

/// The name without a leading `./`; `None` if it is absolute, climbs, or is otherwise no plain path.
fn clean(path: &str) -> Option<String> {
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    let path = if path.is_empty() { "." } else { path };
    let plain = |part: &str| !part.is_empty() && part != ".." && !part.contains(['\0', '\\']);
    path.split('/').all(plain).then(|| path.to_owned())
}

/// Writes an archive in which nothing depends on when, where and by whom it is made.
pub struct Writer {
    draft: Draft,
    hasher: Hasher,
    size: u64,
}

impl Writer {
    /// Into a file that has just begun.
    pub fn new(draft: Draft) -> Self {
        Self { draft, hasher: Hasher::new(), size: 0 }
    }

    /// A directory; its name ends in a slash.
    pub fn directory(&mut self, path: &str) -> Result<(), ImagesError> {
        self.header(path, EntryType::Directory, 0o755, 0)
    }

    /// A small file.
    pub fn file(&mut self, path: &str, contents: &[u8]) -> Result<(), ImagesError> {
        self.begin(path, contents.len() as u64)?;
        self.append(contents)?;
        self.pad()
    }

    /// Begins a file of `size` bytes, which follow by [`Writer::append`], with [`Writer::pad`] at the end.
    pub fn begin(&mut self, path: &str, size: u64) -> Result<(), ImagesError> {
        self.header(path, EntryType::Regular, 0o444, size)
    }

    /// Next bytes of the file.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), ImagesError> {
        self.draft.append(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Ends a file.
    pub fn pad(&mut self) -> Result<(), ImagesError> {
        let over = usize::try_from(self.size % BLOCK).unwrap_or_default();
        if over == 0 { Ok(()) } else { self.append(&[0; BLOCK as usize][over..]) }
    }

    /// Ends the archive and puts it in place. Returns its digest and its size.
    pub fn finish(mut self) -> Result<(Digest, u64, Change), ImagesError> {
        self.append(&[0; BLOCK as usize * 2])?;
        let change = self.draft.finish()?;
        Ok((self.hasher.finish(), self.size, change))
    }

    fn header(&mut self, path: &str, kind: EntryType, mode: u32, size: u64) -> Result<(), ImagesError> {
        let mut header = Header::new_ustar();
        // Names of layouts are short: the longest digest makes 140 bytes, which ustar splits at a slash.
        let named = header.set_path(path);
        debug_assert!(named.is_ok(), "{path}");
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        self.append(header.as_bytes())
    }
}

#[cfg(test)]
mod tests;

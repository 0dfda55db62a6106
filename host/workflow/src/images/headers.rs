//! The headers of a tar archive, one after the other, as POSIX (pax) and GNU tar write them. Only headers are read, and
//! what extends them is bounded: readers of archives take it into memory before anybody can object.

use std::error::Error;

use kubephase_node::{FileError, Source};
use tar::{EntryType, Header, PaxExtensions};

/// No bundle comes near this: a cluster's images have some hundred blobs.
const HEADERS: usize = 1 << 16;
/// For a name or a set of records. Paths on Linux have 4 KiB.
const EXTENSION: u64 = 64 << 10;
const BLOCK: u64 = 512;

/// What a header says.
#[derive(Debug)]
pub struct Entry {
    /// Its name, which need not be one that is good for anything.
    pub name: Vec<u8>,
    pub kind: EntryType,
    /// Where its contents begin.
    pub offset: u64,
    /// Their size in bytes, which the archive need not have.
    pub size: u64,
}

/// Where the reading is.
#[derive(Debug)]
pub struct Headers<'a> {
    source: &'a Source,
    offset: u64,
    headers: usize,
    entries: usize,
}

/// What headers say about the entry behind them.
#[derive(Default)]
struct Extensions {
    any: bool,
    gnu_name: Option<Vec<u8>>,
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<'a> Headers<'a> {
    pub fn new(source: &'a Source) -> Self {
        Self { source, offset: 0, headers: 0, entries: 0 }
    }

    /// The next entry; nothing at the end. An error says what is wrong with the archive, of which nothing more can be
    /// read then.
    pub fn next(&mut self) -> Result<Option<Entry>, String> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header()? else {
                return if extensions.any { Err(self.broken()) } else { Ok(None) };
            };
            let (kind, size) = (header.entry_type(), header.entry_size().map_err(|_| self.broken())?);
            if !(kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions()) {
                let size = if kind.is_pax_global_extensions() { size } else { extensions.size.unwrap_or(size) };
                if kind.is_pax_global_extensions() && size > EXTENSION {
                    return Err(too_long(size));
                }
                let offset = self.offset;
                self.skip(size)?;
                self.entries += 1;
                let name = extensions.gnu_name.or(extensions.name);
                let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
                return Ok(Some(Entry { name, kind, offset, size }));
            }
            let bytes = self.extension(size)?;
            extensions.any = true;
            if kind.is_gnu_longname() {
                extensions.gnu_name = Some(bytes.strip_suffix(b"\0").unwrap_or(&bytes).to_vec());
            } else if kind.is_pax_local_extensions() {
                self.records(&bytes, &mut extensions)?;
            }
        }
    }

    /// Nothing at the end, which is a block of zeros or the end of the file.
    fn header(&mut self) -> Result<Option<Header>, String> {
        const CHECKSUM: std::ops::Range<usize> = 148..156;

        let left = self.source.length().saturating_sub(self.offset);
        if left == 0 {
            return Ok(None);
        }
        if left < BLOCK {
            return Err(self.broken());
        }
        let mut header = Header::new_old();
        self.source.read_at(self.offset, header.as_mut_bytes()).map_err(|error| unreadable(&error))?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let byte = |(at, byte): (usize, &u8)| u32::from(if CHECKSUM.contains(&at) { b' ' } else { *byte });
        let sum: u32 = bytes.iter().enumerate().map(byte).sum();
        if header.cksum().ok() != Some(sum) {
            return Err(self.broken());
        }
        self.headers += 1;
        if self.headers > HEADERS {
            return Err(format!("it has more than {HEADERS} entries"));
        }
        self.offset += BLOCK;
        Ok(Some(header))
    }

    /// Contents that are part of the next header.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, String> {
        if size > EXTENSION {
            return Err(too_long(size));
        }
        let offset = self.offset;
        self.skip(size)?;
        if offset + size > self.source.length() {
            return Err(self.broken());
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        self.source.read_at(offset, &mut bytes).map_err(|error| unreadable(&error))?;
        Ok(bytes)
    }

    fn records(&self, bytes: &[u8], extensions: &mut Extensions) -> Result<(), String> {
        for record in PaxExtensions::new(bytes) {
            let record = record.map_err(|_| self.broken())?;
            match record.key_bytes() {
                b"path" => extensions.name = Some(record.value_bytes().to_vec()),
                b"size" => {
                    let size = record.value().ok().and_then(|text| text.parse().ok());
                    extensions.size = Some(size.ok_or_else(|| self.broken())?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Contents fill blocks.
    fn skip(&mut self, size: u64) -> Result<(), String> {
        let end = size.checked_next_multiple_of(BLOCK).and_then(|size| self.offset.checked_add(size));
        self.offset = end.ok_or_else(|| self.broken())?;
        Ok(())
    }

    fn broken(&self) -> String {
        match self.entries {
            0 => "it is no tar archive".into(),
            count => format!("it is a broken tar archive: what follows after {count} files is none"),
        }
    }
}

fn too_long(size: u64) -> String {
    format!("it is a strange tar archive: the name or the attributes of a file in it have {size} bytes")
}

fn unreadable(error: &FileError) -> String {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    format!("it cannot be read: {cause}")
}

//! What a component prints, line by line, until somebody takes it. No more is kept than a log may have.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// What is kept at most, in bytes. More is counted against the log as one line, which tells that it was too much.
const MOST: usize = 256 << 10;
/// A line is not longer; what follows is another one.
const LINE: usize = 4 << 10;
/// Written at once.
const PERMIT: usize = 64 << 10;

/// Lines of one call. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Printed(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    whole: Vec<String>,
    kept: usize,
    /// What each stream has not ended yet.
    unfinished: [Vec<u8>; 2],
}

impl Lines {
    fn keep(&mut self, line: String) {
        if self.kept <= MOST {
            self.kept += line.len();
            self.whole.push(line);
        }
    }

    fn end(&mut self, stream: usize) {
        let line = std::mem::take(&mut self.unfinished[stream]);
        if !line.is_empty() {
            self.keep(String::from_utf8_lossy(&line).into_owned());
        }
    }
}

impl Printed {
    /// Standard output.
    pub(super) fn out(&self) -> Stream {
        Stream { printed: self.clone(), number: 0 }
    }

    /// Standard error: lines of both may be begun at the same time.
    pub(super) fn err(&self) -> Stream {
        Stream { printed: self.clone(), number: 1 }
    }

    /// A line of our own.
    pub(super) fn say(&self, line: String) {
        self.lines().keep(line);
    }

    /// All lines so far. A line that nothing has ended ends here.
    pub(super) fn take(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.end(0);
        lines.end(1);
        std::mem::take(&mut lines.whole)
    }

    /// What is behind the lock is whole whoever held it.
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream to print to.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    printed: Printed,
    number: usize,
}

impl Stream {
    fn print(&self, bytes: &[u8]) {
        let mut lines = self.printed.lines();
        for byte in bytes {
            if *byte == b'\n' {
                lines.end(self.number);
                continue;
            }
            lines.unfinished[self.number].push(*byte);
            if lines.unfinished[self.number].len() >= LINE {
                lines.end(self.number);
            }
        }
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

impl Pollable for Stream {
    fn ready<'life, 'future>(&'life mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(async {})
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_until_they_are_taken() {
        let printed = Printed::default();
        let (out, err) = (printed.out(), printed.err());
        out.print(b"one\ntw");
        err.print(b"\xff\n\n");
        out.print(b"o\nthree");
        assert_eq!(printed.take(), ["one", "\u{fffd}", "two", "three"]);
        assert_eq!(printed.take(), Vec::<String>::new());
    }

    #[test]
    fn a_flood_is_cut() {
        let printed = Printed::default();
        let stream = printed.out();
        for _ in 0..1000 {
            stream.print(&[b'x'; 10_000]);
        }
        let kept: usize = printed.take().iter().map(String::len).sum();
        assert!((MOST..MOST + 2 * LINE).contains(&kept), "{kept}");
        stream.print(b"\nmore\n");
        assert!(printed.take().is_empty());
    }
}

//! Searches the writable memory of a running process, including heap and stacks.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
};

use memchr::memmem;

use super::poll_until;

/// Set by CI. If memory cannot be read, tests then fail instead of being skipped.
const REQUIRED: &str = "CMDCHAT_REQUIRE_TRACE";

/// Size of the pieces of a secret to search for, in bytes. A piece of this size does
/// not occur by chance.
const PIECE: usize = 8;

/// The memory of one process.
pub(crate) struct Memory(u32);

impl Memory {
    /// Opens the memory of `process`. Returns `None` and reports a skip if this test
    /// may not read it: the program is not dumpable, so only root may.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let memory = Self(process);
        match memory.pages() {
            Ok(_) => Some(memory),
            Err(why) => {
                assert!(std::env::var_os(REQUIRED).is_none(), "memory cannot be read: {why}");
                eprintln!("\n*** SKIPPED: only root can look into the program: {why} ***\n");
                None
            }
        }
    }

    /// Returns true if the process has not ended yet.
    pub(crate) fn is_there(&self) -> bool {
        self.pages().is_ok_and(|pages| !pages.is_empty())
    }

    /// Returns true if the memory contains `secret` or any piece of it.
    pub(crate) fn holds(&self, secret: impl AsRef<[u8]>) -> bool {
        !self.traces(secret).is_empty()
    }

    /// Describes each place that contains pieces of `secret`, to help find the cause.
    fn traces(&self, secret: impl AsRef<[u8]>) -> Vec<String> {
        let secret = secret.as_ref();
        let pieces: Vec<_> = secret.windows(PIECE.min(secret.len())).collect();
        let mut traces = Vec::new();
        for (place, page) in self.pages().unwrap_or_default() {
            let found = |piece: &&[u8]| memmem::find(&page, piece).is_some();
            let here: Vec<_> = pieces.iter().copied().filter(found).collect();
            if !here.is_empty() {
                let (count, first) = (here.len(), String::from_utf8_lossy(here[0]));
                traces.push(format!("{count} pieces from {first:?} on in {place}"));
            }
        }
        traces
    }

    /// Waits until the memory contains `secret`. This shows that the search works.
    #[track_caller]
    pub(crate) fn comes_to_hold(&self, secret: impl AsRef<[u8]>) {
        poll_until("a secret in memory", || self.holds(&secret));
    }

    /// Waits until the memory contains no piece of `secret`.
    #[track_caller]
    pub(crate) fn forgets(&self, secret: impl AsRef<[u8]>) {
        let mut traces = Vec::new();
        let begin = std::time::Instant::now();
        while begin.elapsed() < super::PATIENCE {
            traces = self.traces(&secret);
            if traces.is_empty() {
                return;
            }
            std::thread::sleep(super::GLANCE);
        }
        panic!("the memory still contains a secret: {traces:?}");
    }

    /// Asserts, without waiting, that the memory contains no piece of `secret`.
    #[track_caller]
    pub(crate) fn never_held(&self, secret: impl AsRef<[u8]>) {
        assert_eq!(self.traces(secret), [""; 0], "the memory contains a secret");
    }

    /// Returns all readable and writable regions with their line of the memory map.
    fn pages(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let memory = File::open(format!("/proc/{}/mem", self.0))?;
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.0))?;
        let mut pages = Vec::new();
        for line in maps.lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
            // A read-only region holds no secret. A region may be unmapped by now.
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            if rest.starts_with("rw") && memory.read_exact_at(&mut bytes, from).is_ok() {
                pages.push((line.to_owned(), bytes));
            }
        }
        Ok(pages)
    }
}

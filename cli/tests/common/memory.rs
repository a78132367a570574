//! What is in the memory of a running process, heap, stacks and all.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
};

use memchr::memmem;

use super::poll_until;

/// Set by CI: where memory cannot be read, the tests fail instead of skipping.
const REQUIRED: &str = "CMDCHAT_REQUIRE_TRACE";

/// A piece of a secret of this size is found by chance in no memory.
const PIECE: usize = 8;

/// The memory of one process.
pub(crate) struct Memory(u32);

impl Memory {
    /// That of the process with this number. `None`, and loud, where this test
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

    /// The process has not ended yet.
    pub(crate) fn is_there(&self) -> bool {
        self.pages().is_ok_and(|pages| !pages.is_empty())
    }

    /// It holds all of `secret`, or a piece from the midst of it.
    pub(crate) fn holds(&self, secret: impl AsRef<[u8]>) -> bool {
        !self.traces(secret).is_empty()
    }

    /// Where it holds how much of `secret`, for whoever has to find out why.
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

    /// Waits until it holds `secret`: what is looked for can be found.
    #[track_caller]
    pub(crate) fn comes_to_hold(&self, secret: impl AsRef<[u8]>) {
        poll_until("a secret in memory", || self.holds(&secret));
    }

    /// Waits until it holds no piece of `secret` any more.
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
        panic!("it still holds a secret: {traces:?}");
    }

    /// It holds no piece of `secret`, and there is nothing to wait for.
    #[track_caller]
    pub(crate) fn never_held(&self, secret: impl AsRef<[u8]>) {
        assert_eq!(self.traces(secret), [""; 0], "it holds a secret");
    }

    /// All that can be read, by the place it has in the map of the process.
    fn pages(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let memory = File::open(format!("/proc/{}/mem", self.0))?;
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.0))?;
        let mut pages = Vec::new();
        for line in maps.lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
            // What cannot be written holds no secret; what is gone by now neither.
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            if rest.starts_with("rw") && memory.read_exact_at(&mut bytes, from).is_ok() {
                pages.push((line.to_owned(), bytes));
            }
        }
        Ok(pages)
    }
}

//! Response time for wrong proofs, by kind of error. The time must not reveal more
//! to an attacker than the answer itself.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{Result, protocols::challenged};

/// One kind of invalid login.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) what: &'static str,
    sealed: bool,
    /// Username, of a member or unused.
    name: &'static str,
    /// Number of "AAAA" in M.
    size: usize,
    /// End of M.
    end: &'static str,
    answer: &'static str,
}

const WRONG: &str = "Authentication failed";

/// All cases; each is compared with the first one of its protocol.
pub(crate) const CASES: [Case; 9] = [
    case("a wrong proof", false, "stranger", 10, "AAA=", WRONG),
    case("a proof of 3 bytes", false, "stranger", 1, "", WRONG),
    case("a proof of 3,000 bytes", false, "stranger", 1_000, "", WRONG),
    case("no base64", false, "stranger", 10, "A", "Invalid verify request"),
    case("a wrong proof, sealed", true, "stranger", 10, "AAA=", WRONG),
    case("the same at a member's name, sealed", true, "m0000", 10, "AAA=", WRONG),
    case("a proof of 3 bytes, sealed", true, "stranger", 1, "", WRONG),
    case("a proof of 3,000 bytes, sealed", true, "stranger", 1_000, "", WRONG),
    case("no base64, sealed", true, "stranger", 10, "A", "Invalid verify request"),
];

const fn case(
    what: &'static str,
    sealed: bool,
    name: &'static str,
    size: usize,
    end: &'static str,
    answer: &'static str,
) -> Case {
    Case { what, sealed, name, size, end, answer }
}

/// Returns the times from line 3 to the answer, `count` per case, measured in turns.
pub(crate) fn run(address: SocketAddr, count: usize) -> Result<[Vec<Duration>; CASES.len()]> {
    let mut times = [const { Vec::new() }; CASES.len()];
    for turn in 0..=count {
        for (case, times) in CASES.iter().zip(&mut times) {
            let time = case.time(address)?;
            // The first turn is a warm-up.
            if turn > 0 {
                times.push(time);
            }
        }
    }
    Ok(times)
}

impl Case {
    fn time(&self, address: SocketAddr) -> Result<Duration> {
        let m = "AAAA".repeat(self.size) + self.end;
        let challenged = challenged(address, self.name, self.sealed)?;
        let begun = Instant::now();
        challenged.prove(&m, self.answer)?;
        Ok(begun.elapsed())
    }
}

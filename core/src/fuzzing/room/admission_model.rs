use std::{net::IpAddr, time::Duration};

use crate::{
    error::WireError,
    server::{Admission, AdmissionCounts, LoginPermit, MemberSlot, Turn},
    time::Tick,
    username::Username,
};

/// Addresses, with the number of the source that each belongs to.
const SOURCES: [([u16; 8], Option<usize>); 6] = [
    ([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201], Some(0)),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], Some(1)),
    ([0x2001, 0xdb8, 0, 0, 7, 7, 7, 7], Some(1)),
    ([0, 0, 0, 0, 0, 0, 0, 1], None),
    ([0, 0, 0, 0, 0, 0xffff, 0x7f00, 1], None),
    ([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1], Some(2)),
];

const NAMES: [&str; 10] =
    ["alice", "bob", "Alice", "ALICE", "Ünal", "ünal", "\"\\", "кэрол", "漢字 😀", "é"];

/// Admission control, with the expected state.
pub(super) struct AdmissionModel {
    pub(super) admission: Admission,
    passes: Vec<(Option<usize>, LoginPermit)>,
    penalised: [Option<Tick>; 3],
}

impl AdmissionModel {
    pub(super) const fn new(admission: Admission) -> Self {
        Self { admission, passes: Vec::new(), penalised: [None; 3] }
    }

    pub(super) fn logins(&self) -> AdmissionCounts {
        let counted_logins = self.passes.iter().filter(|(source, _)| source.is_some()).count();
        AdmissionCounts { logins: self.passes.len(), counted_logins, ..AdmissionCounts::default() }
    }

    pub(super) fn knock(&mut self, now: Tick, who: usize) {
        let (address, source) = SOURCES[who % SOURCES.len()];
        let limits = super::limits();
        let of_source = self.passes.iter().filter(|(other, _)| *other == source).count();
        let full = Some(self.passes.len()) >= limits.max_logins
            || (source.is_some() && Some(of_source) >= limits.max_logins_per_source);
        match self.admission.try_login(now, IpAddr::from(address)) {
            Some(pass) => {
                if let Some(replaced) = pass.replaced() {
                    assert!(full, "replaced only when there is no room");
                    self.passes.retain(|(_, pass)| pass.id() != replaced);
                } else {
                    assert!(!full || pass.is_free(), "within the limits");
                }
                self.passes.push((source, pass));
            }
            None => {
                let last = source.and_then(|source| self.penalised[source]);
                let may_wait =
                    last.is_some_and(|last| now.saturating_duration_since(last).as_secs() < 600);
                assert!(full || may_wait, "rejected for a reason");
            }
        }
    }

    fn take(&mut self, who: usize) -> Option<(Option<usize>, LoginPermit)> {
        let at = who.checked_rem(self.passes.len())?;
        Some(self.passes.swap_remove(at))
    }

    /// Fails a login.
    pub(super) fn give_up(&mut self, now: Tick, who: usize, how: usize) {
        let Some((source, mut pass)) = self.take(who) else { return };
        let deadline = now.saturating_add(Duration::from_secs(30));
        if let Turn::Wait(until) = pass.challenge_turn(now, deadline) {
            assert!(until > now && until < deadline, "a turn within the time of the login");
        }
        match how % 4 {
            0 => return pass.overloaded(),
            1 => drop(pass),
            2 => pass.timed_out(now),
            _ => pass.proof_failed(now),
        }
        if let Some(source) = source {
            self.penalised[source] = Some(now);
        }
    }

    /// Completes a login. Admission control decides whether it obtains the name
    /// and a slot.
    pub(super) fn sit(
        &mut self,
        now: Tick,
        who: usize,
        name: usize,
        members: &[(Option<usize>, Username)],
    ) -> Option<(Option<usize>, MemberSlot)> {
        let name = Username::new(NAMES[name % NAMES.len()]).ok()?;
        let (source, mut pass) = self.take(who)?;
        let limits = super::limits();
        let folded = name.as_str().to_lowercase();
        let taken = members.iter().any(|(_, other)| other.as_str().to_lowercase() == folded);
        let of_source = members.iter().filter(|(other, _)| *other == source).count();
        let full = Some(members.len()) >= limits.max_members;
        let full_here = source.is_some() && Some(of_source) >= limits.max_members_per_source;
        assert_eq!(pass.name_is_free(now, &name), !taken);
        match pass.claim_slot(now, name) {
            Ok(seat) => {
                assert!(!(taken || full || full_here), "a unique name and a free slot");
                Some((source, seat))
            }
            Err(text) => {
                let expected = match (full, full_here) {
                    (true, _) => WireError::RoomFull,
                    (false, true) => WireError::TooManyFromAddress,
                    (false, false) => WireError::UsernameTaken,
                };
                assert!((taken || full || full_here) && text == expected, "rejected for a reason");
                self.passes.push((source, pass));
                None
            }
        }
    }
}

//! Members that may take their name over again (PROTOCOL 2.3, "Resume").

use std::{collections::BTreeMap, time::Duration};

use super::MemberId;
use crate::{crypto::key_schedule::ResumeKey, time::Tick};

/// Time for which a lost member's resume key is kept.
pub(super) const KEPT: Duration = Duration::from_secs(300);
/// Maximum number of keys of lost members.
const MAX_LOST: usize = 1_024;

/// A login's claim to an earlier session of the same name.
#[derive(Debug)]
pub(crate) struct ResumeClaim {
    pub(crate) login_hash: [u8; 32],
    /// RESUME as received, of any length.
    pub(crate) proof: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    key: ResumeKey,
    /// The key by which this session resumed another, until its first record has come:
    /// the client may not have received line 4.
    previous: Option<ResumeKey>,
    member: MemberId,
    /// Expiry, once the member is lost.
    until: Option<Tick>,
}

impl ResumeClaim {
    fn is_by(&self, key: &ResumeKey) -> bool {
        key.proof(&self.login_hash).matches(&self.proof)
    }
}

/// The resume keys of present and lost members, by case-folded name.
#[derive(Debug, Default)]
pub(super) struct ResumeKeys(BTreeMap<String, Entry>);

impl ResumeKeys {
    /// Returns true if `claim` proves that the last session of this name was the
    /// client's.
    pub(super) fn accepts(&mut self, now: Tick, name: &str, claim: &ResumeClaim) -> bool {
        self.expire(now);
        self.0.get(name).is_some_and(|entry| {
            claim.is_by(&entry.key) || entry.previous.as_ref().is_some_and(|key| claim.is_by(key))
        })
    }

    /// Records the key of a new session, which resumes the last one of the name if
    /// there is a right `claim`.
    pub(super) fn insert(
        &mut self,
        name: String,
        member: MemberId,
        key: ResumeKey,
        claim: Option<&ResumeClaim>,
    ) {
        let previous = self.0.remove(&name).and_then(|entry| {
            let mut keys = std::iter::once(entry.key).chain(entry.previous);
            keys.find(|key| claim.is_some_and(|claim| claim.is_by(key)))
        });
        self.0.insert(name, Entry { key, previous, member, until: None });
    }

    /// Forgets the key by which the member resumed its session, after its first record.
    pub(super) fn confirm(&mut self, name: &str, member: MemberId) {
        if let Some(entry) = self.0.get_mut(name).filter(|entry| entry.member == member) {
            entry.previous = None;
        }
    }

    /// Records the end of a session, and whether its key is kept.
    pub(super) fn end(&mut self, now: Tick, name: &str, member: MemberId, lost: bool) {
        let Some(entry) = self.0.get_mut(name).filter(|entry| entry.member == member) else {
            return;
        };
        if lost {
            entry.until = Some(now.saturating_add(KEPT));
            self.expire(now);
            self.bound();
        } else {
            self.0.remove(name);
        }
    }

    fn expire(&mut self, now: Tick) {
        self.0.retain(|_, entry| entry.until.is_none_or(|until| until > now));
    }

    /// Removes the key that expires first, if there are too many.
    fn bound(&mut self) {
        let lost = self.0.iter().filter_map(|(name, entry)| Some((entry.until?, name)));
        if lost.clone().count() > MAX_LOST
            && let Some(name) = lost.min().map(|(_, name)| name.clone())
        {
            self.0.remove(&name);
        }
    }
}

//! The present members of a strict room and their verified keys (PROTOCOL 2.6).

use std::collections::BTreeMap;

use crate::strict_room::{envelope::StreamId, member_key::PublicMemberKey};

/// The keys with which a member has introduced itself in a valid hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Introduction {
    pub(crate) key: PublicMemberKey,
    pub(crate) sid: StreamId,
    /// X25519 public key, for private messages.
    pub(crate) agreement: [u8; 32],
}

#[derive(Debug)]
struct Member {
    name: String,
    introduction: Option<Introduction>,
    is_verified: bool,
}

/// The present members, by `user_id`.
#[derive(Debug, Default)]
pub(crate) struct Members(BTreeMap<String, Member>);

impl Members {
    /// Adds a member. It is verified if it has introduced itself and no other present
    /// member has its key. Returns whether it is.
    pub(crate) fn insert(
        &mut self,
        user_id: String,
        name: &str,
        introduction: Option<Introduction>,
    ) -> bool {
        let is_verified = introduction.is_some_and(|new| {
            !self.0.values().any(|other| {
                other.is_verified && other.introduction.is_some_and(|other| other.key == new.key)
            })
        });
        self.0.insert(user_id, Member { name: name.to_owned(), introduction, is_verified });
        is_verified
    }

    /// Removes a member. Another one with its key, if there is one, is verified then.
    pub(crate) fn remove(&mut self, user_id: &str) {
        let removed = self.0.remove(user_id).filter(|member| member.is_verified);
        let Some(key) = removed.and_then(|member| member.introduction).map(|intro| intro.key)
        else {
            return;
        };
        let mut others = self.0.values_mut();
        let other = others.find(|member| member.introduction.is_some_and(|intro| intro.key == key));
        if let Some(member) = other {
            member.is_verified = true;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns whether a member of this name is present.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.values().any(|member| member.name == name)
    }

    /// Returns the keys of the verified members of this name: one, if the server is honest.
    pub(crate) fn verified(&self, name: &str) -> impl Iterator<Item = Introduction> {
        self.0
            .values()
            .filter(move |member| member.is_verified && member.name == name)
            .filter_map(|member| member.introduction)
    }

    /// Returns the keys of all members, or `None` if one is not verified.
    pub(crate) fn keys(&self) -> Option<Vec<PublicMemberKey>> {
        let key = |member: &Member| member.introduction.filter(|_| member.is_verified);
        self.0.values().map(|member| key(member).map(|intro| intro.key)).collect()
    }

    /// Returns the names of the verified members.
    #[cfg(test)]
    pub(crate) fn verified_names(&self) -> Vec<&str> {
        let verified = self.0.values().filter(|member| member.is_verified);
        verified.map(|member| member.name.as_str()).collect()
    }
}

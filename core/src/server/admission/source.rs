//! Sources of connections, and what they have done lately (PROTOCOL 3.1).

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use crate::{
    server::{
        limits::{Limits, Rate},
        rate_limit::RateLimiter,
    },
    time::Tick,
};

/// Penalty, rounded up to whole seconds, from which its source is banned until
/// the penalty has expired.
const BANNED_FROM: Duration = Duration::from_secs(15);
const MAX_PENALTY: Duration = Duration::from_secs(600);
/// Time for which a source that has failed a proof is served after the others.
const FAILURE_REMEMBERED: Duration = Duration::from_secs(600);
/// Long-term interval between two admitted logins of one source.
const JOIN_INTERVAL: Duration = Duration::from_secs(2);
/// Maximum number of sources with recorded state.
const MAX_SOURCES: usize = 65_536;
/// Limits of an IPv6 /48, as a multiple of those of a /64.
const SITE_FACTOR: u32 = 4;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An address of the network.
    Address(IpAddr),
    /// A service whose clients cannot be told apart, such as an onion service.
    Anonymous,
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

/// A set of addresses that share limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Returns the multiple of the limits that the network may use.
    const fn factor(self) -> u32 {
        if self.prefix == 48 { SITE_FACTOR } else { 1 }
    }
}

/// The networks by which a connection is counted: an IPv4 address, or an IPv6 /64
/// and its /48. Empty for a source without limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Source([Option<Network>; 2]);

impl Source {
    pub(super) fn new(limits: &Limits, origin: Origin) -> Self {
        let Origin::Address(address) = origin else { return Self::default() };
        let address = address.to_canonical();
        if address.is_loopback() && !limits.limit_loopback {
            return Self::default();
        }
        match address {
            IpAddr::V4(_) => Self([Some(Network { address, prefix: 32 }), None]),
            IpAddr::V6(v6) => Self([64, 48].map(|prefix| {
                let bits = v6.to_bits() >> (128 - prefix) << (128 - prefix);
                Some(Network { address: Ipv6Addr::from_bits(bits).into(), prefix })
            })),
        }
    }

    fn networks(self) -> impl Iterator<Item = Network> {
        self.0.into_iter().flatten()
    }
}

/// State of one network.
#[derive(Debug)]
struct Account {
    logins: usize,
    members: usize,
    penalty_until: Tick,
    banned: bool,
    /// A proof from here failed less than [`FAILURE_REMEMBERED`] before.
    suspect_until: Tick,
    joins: RateLimiter,
    joins_due: Tick,
    /// Expiry of the logins without limits: one for each member that was lost.
    free_logins: Vec<Tick>,
}

impl Account {
    fn new(limits: &Limits, factor: u32) -> Self {
        let burst = limits
            .max_members_per_source
            .map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX));
        let rate =
            Rate { burst: burst.saturating_mul(factor).max(1), interval: JOIN_INTERVAL / factor };
        Self {
            logins: 0,
            members: 0,
            penalty_until: Tick::ZERO,
            banned: false,
            suspect_until: Tick::ZERO,
            joins: RateLimiter::new(rate),
            joins_due: Tick::ZERO,
            free_logins: Vec::new(),
        }
    }

    fn is_idle(&self, now: Tick) -> bool {
        let until = self.penalty_until.max(self.suspect_until).max(self.joins_due);
        self.logins == 0
            && self.members == 0
            && until <= now
            && self.free_logins.iter().all(|expiry| *expiry <= now)
    }
}

/// The accounts of all sources.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<Network, Account>);

impl Sources {
    /// Returns true if the source's penalty bans it.
    pub(super) fn is_banned(&mut self, now: Tick, source: Source) -> bool {
        source.networks().any(|network| {
            self.0.get_mut(&network).is_some_and(|account| {
                account.banned &= account.penalty_until > now;
                account.banned
            })
        })
    }

    /// Returns true if a proof of the source failed lately.
    pub(super) fn is_suspect(&self, now: Tick, source: Source) -> bool {
        source
            .networks()
            .any(|network| self.0.get(&network).is_some_and(|account| account.suspect_until > now))
    }

    /// Returns true if a network of the source has as many logins as it may have.
    pub(super) fn has_all_logins(&self, limits: &Limits, source: Source) -> bool {
        self.reaches(source, limits.max_logins_per_source, |account| account.logins)
    }

    /// Returns true if a network of the source has as many members as it may have.
    pub(super) fn has_all_members(&self, limits: &Limits, source: Source) -> bool {
        self.reaches(source, limits.max_members_per_source, |account| account.members)
    }

    fn reaches(
        &self,
        source: Source,
        limit: Option<usize>,
        count: impl Fn(&Account) -> usize,
    ) -> bool {
        let Some(limit) = limit else { return false };
        source.networks().any(|network| {
            let most = limit.saturating_mul(network.factor() as usize);
            self.0.get(&network).is_some_and(|account| count(account) >= most)
        })
    }

    /// Returns when the source may join again: `now` or later.
    pub(super) fn next_join(&self, now: Tick, source: Source) -> Tick {
        let accounts = source.networks().filter_map(|network| self.0.get(&network));
        accounts.map(|account| account.joins.ready_at(now)).max().unwrap_or(now)
    }

    pub(super) fn add_login(&mut self, now: Tick, limits: &Limits, source: Source) {
        self.update(now, limits, source, |account| account.logins += 1);
    }

    pub(super) fn remove_login(&mut self, now: Tick, limits: &Limits, source: Source) {
        self.update(now, limits, source, |account| {
            account.logins = account.logins.saturating_sub(1);
        });
    }

    pub(super) fn add_member(&mut self, now: Tick, limits: &Limits, source: Source) {
        self.update(now, limits, source, |account| {
            account.members += 1;
            account.joins.consume(now);
            account.joins_due = account.joins.due();
        });
    }

    /// Removes a member. A member that was `lost` gives its source a login without
    /// limits until the given time.
    pub(super) fn remove_member(
        &mut self,
        now: Tick,
        limits: &Limits,
        source: Source,
        lost: Option<Tick>,
    ) {
        self.update(now, limits, source, |account| {
            account.members = account.members.saturating_sub(1);
            account.free_logins.retain(|expiry| *expiry > now);
            let most = limits.max_members_per_source.unwrap_or(usize::MAX);
            if account.free_logins.len() < most {
                account.free_logins.extend(lost);
            }
        });
    }

    /// Uses up a login without limits, if the source has one.
    pub(super) fn take_free_login(&mut self, now: Tick, source: Source) -> bool {
        let mut networks = source.networks();
        networks.next().and_then(|network| self.0.get_mut(&network)).is_some_and(|account| {
            account.free_logins.retain(|expiry| *expiry > now);
            account.free_logins.pop().is_some()
        })
    }

    /// Adds a penalty. A `suspect` source is served after the others for a while.
    pub(super) fn penalize(
        &mut self,
        now: Tick,
        limits: &Limits,
        source: Source,
        penalty: Duration,
        suspect: bool,
    ) {
        for network in source.networks() {
            self.update_one(now, limits, network, |account| {
                let penalty = penalty / network.factor();
                let until = account.penalty_until.max(now).saturating_add(penalty);
                account.penalty_until = until.min(now.saturating_add(MAX_PENALTY));
                let left = account.penalty_until.saturating_duration_since(now);
                account.banned |= left.as_secs_f64().ceil() >= BANNED_FROM.as_secs_f64();
                if suspect {
                    account.suspect_until = now.saturating_add(FAILURE_REMEMBERED);
                }
            });
        }
    }

    fn update(
        &mut self,
        now: Tick,
        limits: &Limits,
        source: Source,
        mut change: impl FnMut(&mut Account),
    ) {
        for network in source.networks() {
            self.update_one(now, limits, network, &mut change);
        }
    }

    fn update_one(
        &mut self,
        now: Tick,
        limits: &Limits,
        network: Network,
        change: impl FnOnce(&mut Account),
    ) {
        if self.0.len() >= MAX_SOURCES && !self.0.contains_key(&network) {
            self.0.retain(|_, account| !account.is_idle(now));
            if self.0.len() >= MAX_SOURCES {
                // All recorded sources have connections or penalties. The new one is not
                // counted, which bounds memory.
                return;
            }
        }
        let account =
            self.0.entry(network).or_insert_with(|| Account::new(limits, network.factor()));
        change(account);
        if account.is_idle(now) {
            self.0.remove(&network);
        }
    }

    /// Returns the numbers of logins and members of sources with limits. An IPv6
    /// address counts by its /64.
    #[cfg(feature = "fuzzing")]
    pub(super) fn counts(&self) -> (usize, usize) {
        let counted = || self.0.iter().filter(|(network, _)| network.prefix != 48);
        let logins = counted().map(|(_, account)| account.logins).sum();
        (logins, counted().map(|(_, account)| account.members).sum())
    }
}

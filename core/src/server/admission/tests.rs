use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::{crypto::key_schedule::ResumeKey, secret::Secret};

const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn at(seconds: u64) -> Tick {
    Tick::from_start(Duration::from_secs(seconds))
}

fn name(text: &str) -> Username {
    Username::new(text).unwrap()
}

/// Returns the address with this number: each is a source of its own.
fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

fn unlimited_logins() -> Admission {
    let limits = Limits { max_logins: None, max_logins_per_source: None, ..Limits::default() };
    Admission::new(&limits)
}

fn join(
    admission: &Admission,
    now: Tick,
    from: IpAddr,
    who: &str,
) -> Result<MemberSlot, WireError> {
    let mut permit = admission.try_login(now, from).unwrap();
    permit.claim_slot(now, name(who))
}

#[test]
fn three_failed_logins_ban_source_until_penalty_ends() {
    let admission = Admission::new(&Limits::default());
    for _ in 0..3 {
        admission.try_login(at(100), FAR).unwrap().proof_failed(at(100));
    }
    assert!(admission.try_login(at(100), FAR).is_none());
    assert!(admission.try_login(at(114), FAR).is_none());
    assert!(admission.try_login(at(114), OTHER).is_some(), "other sources are not affected");
    assert!(admission.try_login(at(115), FAR).is_some());
}

#[test]
fn penalty_is_capped_at_ten_minutes() {
    let admission = unlimited_logins();
    let mut permits: Vec<_> = (0..500).filter_map(|_| admission.try_login(at(0), FAR)).collect();
    permits.iter_mut().for_each(|permit| permit.proof_failed(at(0)));
    drop(permits);
    assert!(admission.try_login(at(599), FAR).is_none());
    assert!(admission.try_login(at(600), FAR).is_some());
}

#[test]
fn every_login_without_a_right_proof_costs_a_second() {
    let admission = Admission::new(&Limits::default());
    for _ in 0..15 {
        drop(admission.try_login(at(0), FAR).unwrap());
    }
    assert!(admission.try_login(at(0), FAR).is_none(), "15 seconds ban a source");
    let busy = admission.try_login(at(0), OTHER);
    (0..100).for_each(|_| admission.try_login(at(0), OTHER).unwrap().overloaded());
    assert!(busy.is_some(), "the server's own delays cost nothing");
    for _ in 0..100 {
        drop(join(&admission, at(0), address(0), "alice"));
        drop(join(&admission, at(0), address(0), "alice"));
    }
    assert!(admission.try_login(at(0), address(0)).is_some(), "nor does a right proof");
}

#[test]
fn loopback_is_exempt_unless_limited() {
    for (limit_loopback, is_banned) in [(false, false), (true, true)] {
        let admission = Admission::new(&Limits { limit_loopback, ..Limits::default() });
        for _ in 0..100 {
            if let Some(mut permit) = admission.try_login(at(0), HERE) {
                permit.proof_failed(at(0));
            }
        }
        assert_eq!(admission.try_login(at(0), HERE).is_none(), is_banned);
        assert!(
            admission.take_attack_notice(at(0)) != limit_loopback,
            "guesses count all the same"
        );
    }
}

#[test]
fn source_is_ipv6_prefix_or_mapped_ipv4() {
    let limits = Limits { max_logins_per_source: Some(1), ..Limits::default() };
    let admission = Admission::new(&limits);
    let from = |address: &str| admission.try_login(at(0), address.parse::<IpAddr>().unwrap());
    let _first = from("2001:db8::1").unwrap();
    assert!(from("2001:db8::2:3:4").is_none());
    let site: Vec<_> = (1..4).map(|n| from(&format!("2001:db8:0:{n}::1")).unwrap()).collect();
    assert!(from("2001:db8:0:9::1").is_none(), "four times as many of one /48");
    drop(site);
    assert!(from("2001:db8:0:9::1").is_some());
    let _mapped = from("::ffff:192.0.2.7").unwrap();
    assert!(admission.try_login(at(0), FAR).is_none());
}

#[test]
fn dropped_permit_or_slot_is_released() {
    let limits = Limits { max_logins: Some(1), max_members: Some(1), ..Limits::default() };
    let admission = Admission::new(&limits);
    let mut permit = admission.try_login(at(0), FAR).unwrap();
    assert!(admission.try_login(at(0), HERE).is_none());
    let slot = permit.claim_slot(at(0), name("alice")).unwrap();
    drop(permit);
    assert_eq!(join(&admission, at(0), HERE, "bob").err(), Some(WireError::RoomFull));
    drop(slot);
    assert!(join(&admission, at(0), HERE, "Alice").is_ok());
    drop(admission.try_login(at(3_600), HERE));
    assert!(admission.state(at(3_600)).logins.is_empty());
}

#[test]
fn names_are_unique_whatever_their_case() {
    let admission = Admission::new(&Limits::default());
    let _alice = join(&admission, at(0), FAR, "alice").unwrap();
    assert_eq!(join(&admission, at(0), FAR, "ALICE").err(), Some(WireError::UsernameTaken));
}

#[test]
fn members_are_limited_per_source() {
    let limits = Limits { max_members_per_source: Some(2), ..Limits::default() };
    let admission = Admission::new(&limits);
    let _members: Vec<_> = ["a", "b"].map(|who| join(&admission, at(0), FAR, who).unwrap()).into();
    assert_eq!(join(&admission, at(9), FAR, "c").err(), Some(WireError::TooManyFromAddress));
    assert!(join(&admission, at(9), OTHER, "c").is_ok());
}

#[test]
fn silent_connections_make_room_for_a_newcomer() {
    let admission = Admission::new(&Limits { max_logins: Some(2), ..Limits::default() });
    let first = admission.try_login(at(0), FAR).unwrap();
    let mut second = admission.try_login(at(0), FAR).unwrap();
    assert!(admission.try_login(at(0), OTHER).is_none(), "they may just have connected");
    second.set_waiting(at(0), false);
    let third = admission.try_login(at(1), OTHER).unwrap();
    assert_eq!(third.replaced(), Some(first.id()));
    drop(first);
    let fourth = admission.try_login(at(2), OTHER).unwrap();
    assert_eq!(fourth.replaced(), Some(third.id()), "not the one that the server works for");
    drop(second);
    assert!(admission.try_login(at(2), OTHER).is_some_and(|permit| permit.replaced().is_none()));
}

#[test]
fn source_joins_at_a_bounded_rate() {
    let limits = Limits { max_members_per_source: Some(2), ..Limits::default() };
    let admission = Admission::new(&limits);
    for _ in 0..2 {
        drop(join(&admission, at(100), FAR, "storm").unwrap());
    }
    let mut permit = admission.try_login(at(100), FAR).unwrap();
    assert_eq!(permit.challenge_turn(at(100), at(130)), Turn::Wait(at(102)));
    assert_eq!(permit.challenge_turn(at(102), at(130)), Turn::Now);
    let mut other = admission.try_login(at(100), OTHER).unwrap();
    assert_eq!(other.challenge_turn(at(100), at(130)), Turn::Now);
}

/// Fails so many proofs, each from another source or from this one.
fn attack(admission: &Admission, now: Tick, from: Option<IpAddr>) {
    for number in 0..61 {
        let from = from.unwrap_or_else(|| address(number));
        admission.try_login(now, from).unwrap().proof_failed(now);
    }
}

#[test]
fn challenges_are_throttled_during_brute_force() {
    for from in [None, Some(HERE)] {
        let admission = unlimited_logins();
        attack(&admission, at(0), from);
        assert!(admission.take_attack_notice(at(0)));
        assert!(!admission.take_attack_notice(at(0)), "announced once");
        let mut honest: Vec<_> =
            (0..3).map(|n| admission.try_login(at(0), address(1_000 + n)).unwrap()).collect();
        let mut turn = |who: usize, now| honest[who].challenge_turn(now, at(30));
        assert_eq!(turn(0, at(0)), Turn::Now);
        assert_eq!([turn(1, at(0)), turn(2, at(0))], [Turn::Wait(at(1)); 2]);
        assert_eq!(turn(2, at(1)), Turn::Wait(at(2)), "the first comes first");
        assert_eq!(turn(1, at(1)), Turn::Now);
        assert_eq!(turn(2, at(100)), Turn::Now, "the attack is over");
    }
}

#[test]
fn turn_ends_with_its_connection() {
    let admission = unlimited_logins();
    attack(&admission, at(0), None);
    let mut permits: Vec<_> =
        (0..50).map(|n| admission.try_login(at(0), address(1_000 + n)).unwrap()).collect();
    for permit in &mut permits {
        let _ = permit.challenge_turn(at(0), at(100));
    }
    drop(permits);
    let mut honest = admission.try_login(at(1), OTHER).unwrap();
    assert_eq!(honest.challenge_turn(at(1), at(31)), Turn::Now);
}

#[test]
fn turn_is_never_too_late_for_the_login() {
    let admission = unlimited_logins();
    attack(&admission, at(0), None);
    let mut permits: Vec<_> =
        (0..40).map(|n| admission.try_login(at(0), address(1_000 + n)).unwrap()).collect();
    let turns: Vec<_> =
        permits.iter_mut().map(|permit| permit.challenge_turn(at(0), at(30))).collect();
    let late = turns.iter().filter(|turn| **turn == Turn::TooLate).count();
    assert_eq!(late, 14, "25 of them can have their turn in time");
}

#[test]
fn sources_without_a_failed_proof_go_first() {
    let admission = unlimited_logins();
    attack(&admission, at(0), None);
    let mut guessers: Vec<_> =
        (0..20).map(|n| admission.try_login(at(0), address(n)).unwrap()).collect();
    for permit in &mut guessers {
        let _ = permit.challenge_turn(at(0), at(30));
    }
    let mut honest = admission.try_login(at(0), OTHER).unwrap();
    assert_eq!(honest.challenge_turn(at(0), at(30)), Turn::Wait(at(1)));
    assert_eq!(honest.challenge_turn(at(1), at(30)), Turn::Now);
}

#[test]
fn anonymous_clients_have_limits_of_their_own() {
    let admission = Admission::new(&Limits::default());
    let flood: Vec<_> =
        (0..32).map(|_| admission.try_login(at(0), Origin::Anonymous).unwrap()).collect();
    assert!(admission.try_login(at(0), Origin::Anonymous).is_none());
    assert!(admission.try_login(at(0), FAR).is_some());
    drop(flood);
    for _ in 0..21 {
        admission.try_login(at(0), Origin::Anonymous).unwrap().proof_failed(at(0));
    }
    let mut honest: Vec<_> =
        (0..2).map(|_| admission.try_login(at(0), Origin::Anonymous).unwrap()).collect();
    assert_eq!(honest[0].challenge_turn(at(0), at(30)), Turn::Now);
    assert_eq!(honest[1].challenge_turn(at(0), at(30)), Turn::Wait(at(1)));
    assert_eq!(honest[1].challenge_turn(at(2), at(30)), Turn::Wait(at(3)), "one in three seconds");
    let mut other = admission.try_login(at(0), FAR).unwrap();
    assert_eq!(other.challenge_turn(at(0), at(30)), Turn::Now, "for that class only");
}

/// Returns a resume key, and a claim with it for a login.
fn resume_key(number: u8) -> (ResumeKey, ResumeClaim) {
    let key = || ResumeKey::new(Secret::fill_with(|key| key.fill(number)));
    let login_hash = [7; 32];
    let proof = key().proof(&login_hash).expose().to_vec();
    (key(), ResumeClaim { login_hash, proof })
}

fn resume(
    admission: &Admission,
    now: Tick,
    who: &str,
    key: u8,
    claim: Option<u8>,
) -> Result<MemberSlot, WireError> {
    let mut permit = admission.try_login(now, FAR).unwrap();
    let claim = claim.map(|number| resume_key(number).1);
    let key = Some(resume_key(key).0);
    permit.claim_resumable_slot(now, name(who), key, claim.as_ref())
}

#[test]
fn resumed_session_takes_over_its_ghost() {
    let limits =
        Limits { max_members: Some(1), max_members_per_source: Some(1), ..Limits::default() };
    let admission = Admission::new(&limits);
    let ghost = resume(&admission, at(0), "alice", 1, None).unwrap();
    assert_eq!(resume(&admission, at(1), "bob", 2, Some(1)).err(), Some(WireError::RoomFull));
    assert_eq!(resume(&admission, at(1), "alice", 2, Some(9)).err(), Some(WireError::RoomFull));
    let mut alice = resume(&admission, at(1), "Alice", 2, Some(1)).unwrap();
    assert_eq!(alice.replaced(), Some(ghost.id()));
    drop(ghost);
    assert_eq!(join(&admission, at(1), OTHER, "alice").err(), Some(WireError::RoomFull));
    // Line 4 may be lost: the key of the ghost counts until the first record has come.
    let mut again = resume(&admission, at(2), "alice", 3, Some(1)).unwrap();
    drop(std::mem::replace(&mut alice, resume(&admission, at(3), "alice", 4, Some(1)).unwrap()));
    again.confirm();
    alice.confirm();
    assert_eq!(resume(&admission, at(4), "alice", 5, Some(1)).err(), Some(WireError::RoomFull));
    assert!(resume(&admission, at(4), "alice", 5, Some(4)).is_ok());
}

#[test]
fn lost_member_comes_back_without_limits_for_five_minutes() {
    for (seconds, is_back) in [(299, true), (300, false)] {
        let limits = Limits { max_members: Some(1), ..Limits::default() };
        let admission = Admission::new(&limits);
        let mut alice = resume(&admission, at(0), "alice", 1, None).unwrap();
        alice.mark_lost();
        drop(alice);
        let _bob = join(&admission, at(1), OTHER, "bob").unwrap();
        for _ in 0..120 {
            if let Some(mut permit) = admission.try_login(at(seconds), FAR) {
                permit.proof_failed(at(seconds));
            }
        }
        // The source is banned by now; its free login is used up by the first attempt after
        // the ban, so claim with a permit from before.
        let mut permit = admission.try_login(at(seconds), OTHER).unwrap();
        let claim = resume_key(1).1;
        let key = Some(resume_key(2).0);
        let back = permit.claim_resumable_slot(at(seconds), name("alice"), key, Some(&claim));
        assert_eq!(back.is_ok(), is_back);
    }
}

#[test]
fn source_of_a_lost_member_has_one_free_login() {
    let admission = Admission::new(&Limits::default());
    let mut alice = resume(&admission, at(0), "alice", 1, None).unwrap();
    for _ in 0..3 {
        admission.try_login(at(0), FAR).unwrap().proof_failed(at(0));
    }
    assert!(admission.try_login(at(0), FAR).is_none());
    alice.mark_lost();
    drop(alice);
    let mut permit = admission.try_login(at(0), FAR).unwrap();
    assert_eq!(permit.challenge_turn(at(0), at(30)), Turn::Now);
    assert!(admission.try_login(at(0), FAR).is_none());
}

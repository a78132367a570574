//! Warnings are worth something only if there is none without a cause.

use cmdchat_core::fuzzing;

/// Every room of other people, drawn from its number: who comes, speaks, clears
/// and leaves, and how late all of it arrives. The links are set up without the
/// arithmetic of a login, so that thousands of rooms take seconds.
#[test]
fn honest_strict_rooms_give_no_warnings() {
    for number in 0..3_000 {
        println!("room {number}");
        let mut rng = fastrand::Rng::with_seed(number);
        let mut script = vec![0; rng.usize(20..300)];
        rng.fill(&mut script);
        fuzzing::strict_room(&script);
    }
}

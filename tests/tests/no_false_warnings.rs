//! No warning without a cause: false warnings would make real ones worthless.

use cmdchat_core::fuzzing;

/// Each room is generated from its number: joins, messages, clears, leaves and delays. The
/// links are set up without the computation of a login, so that thousands of rooms take
/// seconds.
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

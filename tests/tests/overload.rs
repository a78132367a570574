//! Overload: more logins than the server has permits and waiting slots for their
//! computation. A computation takes a second of virtual time here, for the server and for
//! each client.

use std::{sync::Arc, time::Duration};

use cmdchat_core::{
    client::{ClientConfig, Login, LoginFailure},
    error::{ProtocolError, WireError},
    room_kind::RoomKind,
    server::Limits,
    untrusted::Untrusted,
    username::Username,
};
use cmdchat_drivers::{
    client::{ClientHandle, connect},
    runtime::Runtime as _,
    runtime::sim::{DirectionConfig, LinkConfig, Sim},
    server::ServerEvent,
};
use cmdchat_tests::{PASSWORD, epoch, open, password, seed};

/// Returns limits for one login at a time and two waiting ones.
fn few_turns() -> Limits {
    Limits { max_concurrent_srp: 1, max_queued_srp: 2, ..Limits::default() }
}

#[test]
fn excess_login_is_rejected_with_try_again_later() {
    let sim = Sim::new();
    sim.set_compute_time(Duration::from_secs(1));
    let (told, refused) = async_channel::unbounded();
    let notes = move |note| {
        if let ServerEvent::LoginRejected(_, violation) = note {
            told.try_send(violation).expect("the test listens");
        }
    };
    let (server, stop) = open(&sim, RoomKind::Classic, few_turns(), notes);
    let lane = DirectionConfig { latency: Duration::from_millis(20), ..DirectionConfig::default() };
    let comes = |name: &'static str| {
        let sim = sim.clone();
        async move {
            let connection =
                sim.connect(server, &LinkConfig::both(lane)).expect("the server listens");
            let guest = ClientConfig::new(
                Username::new(name).expect("a name"),
                password(PASSWORD),
                epoch(),
            );
            let patience = Duration::from_secs(60);
            let login = Login::new(Arc::new(guest), sim.now(), patience, &seed(7).fork(name, 0));
            connect(&sim, connection, login).await
        }
    };

    sim.run(async {
        let mut answers = Vec::new();
        for name in ["alice", "bob", "carol", "dave"] {
            let (answer, answered) = async_channel::bounded(1);
            let login = comes(name);
            sim.spawn(async move {
                let _ = answer.send(login.await).await;
            });
            answers.push(answered);
        }
        let mut inside: Vec<ClientHandle> = Vec::new();
        for answered in &answers[..3] {
            inside.push(answered.recv().await.expect("an answer").expect("it gets in"));
        }
        let dave = answers[3].recv().await.expect("an answer").expect_err("one too many");
        let text = Untrusted::new("Try again later".to_owned());
        let known = Some(WireError::TryAgainLater);
        assert_eq!(dave.reason, LoginFailure::Rejected { known, text });
        assert!(!dave.proof_exposed, "whoever did not prove anything may come again by itself");

        // Dave retries, as the server asked.
        inside.push(comes("dave").await.expect("it has turns again"));
        assert_eq!(inside.len(), 4);
    })
    .expect("every login ends");
    stop.close();
    sim.drop_tasks();
    let busy = ProtocolError::Rejected(WireError::TryAgainLater);
    assert_eq!((refused.try_recv(), refused.len()), (Ok(busy), 0), "the host hears of it once");
}

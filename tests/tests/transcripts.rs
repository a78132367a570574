//! Whole conversations on the simulator, printed as everybody saw them.

use cmdchat_core::server::Limits;
use cmdchat_tests::check;

#[test]
fn two_talk() {
    let transcript = check(&Limits::default(), async |stage| {
        let alice = stage.join("alice").await;
        stage.pause(100).await;
        alice.say("hello?").await;
        stage.pause(100).await;
        let bob = stage.join("bob").await;
        stage.pause(100).await;
        bob.say("привет, 漢字 😀").await;
        stage.pause(100).await;
        alice.say("markup [/nope] and a [b]tag").await;
        stage.pause(100).await;
        bob.leave().await;
        stage.pause(100).await;
        alice.finish().await;
        stage.pause(100).await;
    });
    insta::assert_snapshot!(transcript);
}

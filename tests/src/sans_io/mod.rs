//! Both sides without any I/O, so that a test holds every byte in its hand.

use cmdchat_core::{
    handshake::{Handshake, Job as _, Step},
    time::Tick,
    transport::frame::Frame,
    transport::line_decoder::LineDecoder,
};

mod client;
mod scripted_server;
mod server;

pub use client::Client;
pub use scripted_server::ScriptedServer;
pub use server::TestServer;

/// Where a login stands when it can do no more by itself.
enum Settled<H: Handshake> {
    Waits(H),
    Done(H::Output),
    Refused(H::LoginError),
}

/// Takes `login` as far as the bytes allow; time jumps where it must pass.
fn settle<H: Handshake>(
    mut login: H,
    now: &mut Tick,
    decoder: &mut LineDecoder,
    written: &mut Vec<u8>,
) -> Settled<H> {
    loop {
        let mut out: Vec<Frame> = Vec::new();
        let step = login.advance(*now, decoder, &mut out);
        written.extend(out.iter().flat_map(|frame| frame.bytes()));
        login = match step {
            Ok(Step::NeedsInput(login)) => return Settled::Waits(login),
            Ok(Step::Compute(work)) => work.run(),
            Ok(Step::WaitUntil(until, login)) => {
                *now = until;
                login
            }
            Ok(Step::Done(admitted)) => return Settled::Done(admitted),
            Err(refused) => return Settled::Refused(refused),
        };
    }
}

/// The lines in `written`, which it empties.
///
/// # Panics
///
/// If a line is not UTF-8, or not complete.
fn lines(written: &mut Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(std::mem::take(written)).expect("lines are UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "half a line: {text}");
    text.lines().map(str::to_owned).collect()
}

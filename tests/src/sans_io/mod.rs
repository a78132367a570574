//! Client and server without I/O, so that a test controls every byte.

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

/// The state of a login that cannot advance without more input.
enum Settled<H: Handshake> {
    Waits(H),
    Done(H::Output),
    Refused(H::LoginError),
}

/// Advances `login` as far as the bytes allow. Virtual time jumps ahead where the login
/// waits.
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

/// Takes all lines out of `written`.
///
/// # Panics
///
/// Panics if a line is not UTF-8, or not complete.
fn lines(written: &mut Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(std::mem::take(written)).expect("lines are UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "half a line: {text}");
    text.lines().map(str::to_owned).collect()
}

//! A member on a sealed link, which decrypts everything it receives.

use std::time::Instant;

use cmdchat_core::{
    client::{Event, ReadStatus, SendId, Session, SessionOutput},
    time::Tick,
    transport::line_decoder::LineDecoder,
};

use crate::Result;

/// A session whose input and output the caller carries.
pub(crate) struct Insider {
    session: Session,
    decoder: LineDecoder,
    /// Start of the session's clock.
    start: Instant,
    said: u64,
}

impl Insider {
    pub(crate) const fn new(session: Session, decoder: LineDecoder, start: Instant) -> Self {
        Self { session, decoder, start, said: 0 }
    }

    /// Sends `text`, appending the bytes to write to `unsaid`.
    pub(crate) fn say(&mut self, text: &str, unsaid: &mut Vec<u8>) -> Result<()> {
        self.said += 1;
        self.session.send(self.now(), SendId(self.said), text.to_owned().into());
        self.take(unsaid, &mut Vec::new())
    }

    /// Decrypts `bytes` and returns the concatenated texts in them.
    pub(crate) fn hear(&mut self, bytes: &[u8], unsaid: &mut Vec<u8>) -> Result<Vec<u8>> {
        let mut texts = Vec::new();
        self.decoder.feed(bytes);
        while self.session.handle_input(self.now(), &mut self.decoder) == ReadStatus::Line {
            self.take(unsaid, &mut texts)?;
        }
        self.take(unsaid, &mut texts)?;
        Ok(texts)
    }

    fn now(&self) -> Tick {
        Tick::from_start(self.start.elapsed())
    }

    fn take(&mut self, unsaid: &mut Vec<u8>, texts: &mut Vec<u8>) -> Result<()> {
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::Send(frame) => unsaid.extend_from_slice(frame.bytes()),
                SessionOutput::Event(Event::Message(message)) => {
                    let text = message.text.as_ref().ok_or("a text that cannot be opened")?;
                    texts.extend_from_slice(text.raw().as_bytes());
                }
                SessionOutput::Event(Event::Ended(ended)) => {
                    return Err(format!("a sealed link ended: {:?}", ended.reason).into());
                }
                SessionOutput::Event(_) => {}
            }
        }
        Ok(())
    }
}

//! The client's end of a sealed link (PROTOCOL 2.4).

use crate::{
    secret::with_stack_zeroed,
    time::Tick,
    transport::frame::Frame,
    transport::keepalive::Keepalive,
    transport::record::{RecordOpener, RecordSealer, SealError, Tampered},
    wire,
};

/// Seals what is sent, opens what comes, and notices when nothing does.
#[derive(Debug)]
pub(crate) struct Link {
    sealer: RecordSealer,
    opener: RecordOpener,
    pub(crate) keepalive: Keepalive,
}

impl Link {
    /// Established at `now`.
    pub(crate) fn new((sealer, opener): (RecordSealer, RecordOpener), now: Tick) -> Self {
        Self { sealer, opener, keepalive: Keepalive::new(now) }
    }

    /// The record of `frame`.
    ///
    /// # Errors
    /// It does not fit, or only a `bye` may follow.
    pub(crate) fn seal(&mut self, frame: &Frame) -> Result<Frame, SealError> {
        if self.sealer.must_close() && *frame != wire::bye() {
            return Err(SealError);
        }
        let mut record = Vec::new();
        with_stack_zeroed(|| self.sealer.seal(frame.line(), &mut record))?;
        Ok(Frame::from_record(record))
    }

    /// The object in a record that came at `now`.
    ///
    /// # Errors
    /// The connection must end at once.
    pub(crate) fn open(&mut self, now: Tick, record: &[u8]) -> Result<&[u8], Tampered> {
        let object = self.opener.open(record)?;
        self.keepalive.on_receive(now);
        Ok(object)
    }
}

//! Delivery check: the progress of each member through the messages of a run.

use memchr::memmem;

use crate::{
    Result,
    expected_stream::{Marks, Stream},
};

/// Progress of all members through the expected stream.
pub(crate) struct Audience {
    overture: String,
    /// One shared stream, or one per member if the order may differ.
    streams: Vec<Stream>,
    ears: Vec<Ear>,
}

enum Ear {
    /// Still before the overture; holds the end of the input, which may be its beginning.
    Waiting(Vec<u8>),
    /// This many bytes received after the overture.
    Hearing(u64),
    /// Not checked.
    Deaf,
}

/// Bytes kept in all streams together; exceeded only while a member lags.
const KEPT: usize = 16 << 20;

impl Audience {
    /// Creates the check; with `one_order`, all members must receive the same bytes.
    pub(crate) fn new(marks: &Marks, members: usize, senders: usize, one_order: bool) -> Self {
        let streams = if one_order { 1 } else { members };
        Self {
            overture: marks.overture(),
            streams: (0..streams).map(|_| Stream::new(marks.clone(), senders)).collect(),
            ears: (0..members).map(|_| Ear::Waiting(Vec::new())).collect(),
        }
    }

    /// Excludes `member` from the check.
    pub(crate) fn deafen(&mut self, member: usize) {
        if let Some(ear) = self.ears.get_mut(member) {
            *ear = Ear::Deaf;
        }
    }

    pub(crate) fn hear(&mut self, member: usize, bytes: &[u8]) -> Result<()> {
        let ear = self.ears.get_mut(member).ok_or("no such member")?;
        let shared = member % self.streams.len();
        let stream = self.streams.get_mut(shared).ok_or("no stream")?;
        match ear {
            Ear::Deaf => {}
            Ear::Waiting(before) => {
                before.extend_from_slice(bytes);
                match memmem::find(before, self.overture.as_bytes()) {
                    Some(at) => {
                        let rest = before.split_off(at + self.overture.len());
                        stream.hear(0, &rest)?;
                        *ear = Ear::Hearing(rest.len() as u64);
                    }
                    None => {
                        let needless = before.len().saturating_sub(self.overture.len());
                        before.drain(..needless);
                    }
                }
            }
            Ear::Hearing(offset) => {
                stream.hear(*offset, bytes)?;
                *offset += bytes.len() as u64;
                if stream.kept() > KEPT / self.streams.len() {
                    self.forget(member);
                }
            }
        }
        Ok(())
    }

    /// Returns whether all checked members have received the overture.
    pub(crate) fn is_assembled(&self) -> bool {
        !self.ears.iter().any(|ear| matches!(ear, Ear::Waiting(_)))
    }

    /// Returns how many of its own messages `sender` has received beyond the first
    /// `known`. `member` is the member number of that sender.
    pub(crate) fn echoes(&self, sender: usize, member: usize, known: usize) -> usize {
        let ends = self.stream(member).map_or(&[][..], |stream| stream.ends(sender));
        let heard = self.offset(member).unwrap_or(0);
        ends.iter().skip(known).take_while(|&&end| end <= heard).count()
    }

    /// Returns the number of bytes `member` has received after the overture.
    pub(crate) fn offset(&self, member: usize) -> Option<u64> {
        match self.ears.get(member)? {
            Ear::Hearing(offset) => Some(*offset),
            Ear::Waiting(_) => Some(0),
            Ear::Deaf => None,
        }
    }

    /// Returns whether all checked members have received exactly `messages` messages.
    pub(crate) fn has_heard(&self, messages: usize) -> bool {
        (0..self.ears.len()).all(|member| {
            let heard = self.stream(member).map_or((0, 0), Stream::heard);
            heard.0 == messages && self.offset(member).is_none_or(|offset| offset >= heard.1)
        })
    }

    /// Returns the mean size of one message in bytes, including the server's envelope.
    pub(crate) fn message_size(&self) -> f64 {
        let (messages, bytes) = self.stream(0).map_or((0, 0), Stream::heard);
        bytes as f64 / messages as f64
    }

    fn stream(&self, member: usize) -> Option<&Stream> {
        self.streams.get(member % self.streams.len())
    }

    /// Drops the bytes received by all members that share a stream with `member`.
    fn forget(&mut self, member: usize) {
        let shared = member % self.streams.len();
        let sharing = (shared..self.ears.len()).step_by(self.streams.len());
        let heard = sharing.filter_map(|member| self.offset(member)).min();
        if let Some((stream, heard)) = self.streams.get_mut(shared).zip(heard) {
            stream.forget(heard);
        }
    }
}

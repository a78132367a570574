//! Expected stream: the bytes that all members must receive. The first member to
//! receive bytes adds them, and the input of all other members is compared with
//! them. The messages in the stream are counted.

use memchr::memmem::Finder;

use crate::Result;

/// Format of the benchmark's messages, recognisable in any protocol. A message
/// contains its sender and its number in plain text, and is padded to its length.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    run: u32,
    length: usize,
}

/// Length of `bench-RRRR-`, which is followed by sender and number.
const HEAD: usize = 11;
const NUMBERED: usize = HEAD + 5 + 9;

impl Marks {
    /// Returns the format of run number `run`, with messages of `length` bytes.
    pub(crate) fn new(run: u32, length: usize) -> Self {
        Self { run: run % 10_000, length: length.max(NUMBERED) }
    }

    fn head(&self) -> String {
        format!("bench-{:04}-", self.run)
    }

    /// Returns message `number` of `sender`. A Fernet token may contain all its characters.
    pub(crate) fn message(&self, sender: usize, number: usize) -> String {
        let mut text = format!("{}{sender:04}-{number:08}-", self.head());
        text.extend(std::iter::repeat_n('A', self.length.saturating_sub(text.len())));
        text
    }

    /// Returns the overture, sent once before the run. All bytes after it are the
    /// same for all members.
    pub(crate) fn overture(&self) -> String {
        self.message(9_999, 0)
    }
}

/// The stream of one run, as far as any member has received it.
pub(crate) struct Stream {
    marks: Marks,
    finder: Finder<'static>,
    /// Bytes from offset `start` on, not yet received by all members.
    bytes: Vec<u8>,
    start: u64,
    /// Length of the part of `bytes` already searched for messages.
    searched: usize,
    /// End offsets of the messages, by sender.
    ends: Vec<Vec<u64>>,
}

impl Stream {
    pub(crate) fn new(marks: Marks, senders: usize) -> Self {
        let finder = Finder::new(marks.head().as_bytes()).into_owned();
        let ends = vec![Vec::new(); senders];
        Self { marks, finder, bytes: Vec::new(), start: 0, searched: 0, ends }
    }

    /// Checks and adds `bytes` received at `offset` by one member.
    pub(crate) fn hear(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let at = usize::try_from(offset - self.start)?;
        let known = self.bytes.get(at..).ok_or("a member is ahead of itself")?;
        let (old, new) = bytes.split_at(known.len().min(bytes.len()));
        if !known.starts_with(old) {
            return Err("two members heard different things".into());
        }
        self.bytes.extend_from_slice(new);
        if new.is_empty() { Ok(()) } else { self.search() }
    }

    /// Finds the complete messages.
    fn search(&mut self) -> Result<()> {
        loop {
            let rest = self.bytes.get(self.searched..).unwrap_or_default();
            let Some(found) = self.finder.find(rest) else {
                // The start of a message may have arrived.
                self.searched += rest.len().saturating_sub(HEAD - 1);
                return Ok(());
            };
            let Some(message) = rest.get(found..found + self.marks.length) else {
                self.searched += found;
                return Ok(());
            };
            let text = std::str::from_utf8(message)?;
            let number_of = |range| text.get(range).and_then(|text: &str| text.parse().ok());
            let sender: Option<usize> = number_of(HEAD..HEAD + 4);
            let number: Option<usize> = number_of(HEAD + 5..HEAD + 13);
            self.searched += found + self.marks.length;
            let end = self.start + self.searched as u64;
            let (sender, number) = sender.zip(number).ok_or("a message was altered")?;
            let ends = self.ends.get_mut(sender).ok_or("a message of nobody")?;
            if number != ends.len() {
                let due = ends.len();
                return Err(format!("heard {number} of sender {sender} where {due} was due").into());
            }
            ends.push(end);
        }
    }

    /// Returns the end offsets of the sender's messages, in sending order.
    pub(crate) fn ends(&self, sender: usize) -> &[u64] {
        self.ends.get(sender).map_or(&[], Vec::as_slice)
    }

    /// Returns the number of messages received, and the end offset of the last one.
    pub(crate) fn heard(&self) -> (usize, u64) {
        let last = self.ends.iter().filter_map(|ends| ends.last()).max();
        (self.ends.iter().map(Vec::len).sum(), last.copied().unwrap_or(0))
    }

    /// Returns the number of bytes kept.
    pub(crate) const fn kept(&self) -> usize {
        self.bytes.len()
    }

    /// Drops all bytes before `offset`, which all members have received.
    pub(crate) fn forget(&mut self, offset: u64) {
        let taken = (offset.saturating_sub(self.start) as usize).min(self.searched);
        self.bytes.drain(..taken);
        self.start += taken as u64;
        self.searched -= taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> (Marks, Stream) {
        let marks = Marks::new(7, 40);
        (marks.clone(), Stream::new(marks, 2))
    }

    #[test]
    fn expected_stream_counts_each_message_once() {
        let (marks, mut stream) = stream();
        let said = [(0, 0), (1, 0), (0, 1)].map(|(sender, number)| marks.message(sender, number));
        let wire = format!("<{}>\n<{}>\n<{}>\n", said[0], said[1], said[2]).into_bytes();
        let mut offsets = [0, 0];
        for at in 0..wire.len() {
            let ahead = at % 2;
            stream.hear(offsets[ahead], &wire[offsets[ahead] as usize..=at]).unwrap();
            offsets[ahead] = at as u64 + 1;
            stream.forget(offsets[0].min(offsets[1]));
        }
        assert_eq!(stream.heard(), (3, wire.len() as u64 - 2));
        assert_eq!(stream.ends(0), [41, 127]);
        assert_eq!(stream.ends(1), [84]);
    }

    #[test]
    fn lost_repeated_or_altered_messages_are_errors() {
        let (marks, _) = stream();
        let [first, second] = [marks.message(0, 0), marks.message(0, 1)];
        for wrong in [&second, &format!("{first}{first}"), &format!("{first}{second}{first}")] {
            assert!(stream().1.hear(0, wrong.as_bytes()).is_err(), "{wrong}");
        }
        let (_, mut stream) = stream();
        stream.hear(0, first.as_bytes()).unwrap();
        assert!(stream.hear(0, second.as_bytes()).is_err());
    }
}

//! The JSON interface for programs: one object per line, in both directions.

mod command;
mod events;
mod output;

use std::{collections::BTreeMap, io};

use cmdchat_core::{
    client::{CloseReason, Event, Message, Mode, SendError, SendId},
    untrusted::Untrusted,
    username::Username,
    wire::MAX_TEXT,
};
use cmdchat_drivers::{client::SessionCommand, runtime::Runtime};
use zeroize::Zeroizing;

use crate::json::{
    command::JsonCommand,
    output::{JsonEvent, JsonWarning, State},
};
use crate::{
    session::{ChatSession, SessionSummary, SessionUpdate, input::InputEvent},
    ui::StartupNotices,
};

use crate::error::Error;

pub use crate::json::output::JsonWriter;

/// The JSON front end of one chat session.
pub struct JsonFrontend<'a, R> {
    runtime: R,
    out: &'a mut JsonWriter,
    me: Username,
    session: ChatSession<'a, R>,
    notices: StartupNotices,
    members: Vec<Untrusted>,
    /// Number of messages sent so far.
    said: u64,
    /// The program's own references of its unacknowledged messages.
    marks: BTreeMap<SendId, String>,
}

impl<'a, R: Runtime> JsonFrontend<'a, R> {
    /// Creates a front end for `session`, in which the user is called `me`.
    #[must_use]
    pub fn new(
        runtime: R,
        out: &'a mut JsonWriter,
        me: Username,
        session: ChatSession<'a, R>,
        notices: StartupNotices,
    ) -> Self {
        Self {
            runtime,
            out,
            me,
            session,
            notices,
            members: Vec::new(),
            said: 0,
            marks: BTreeMap::new(),
        }
    }

    /// Runs until the session ends. Leaves if standard output fails.
    ///
    /// # Errors
    ///
    /// Returns an error if a lost connection could not be re-established.
    pub async fn run(mut self) -> Result<SessionSummary, Error> {
        loop {
            let written = match self.session.next(None).await {
                SessionUpdate::Event(event) => self.tell(event),
                SessionUpdate::Typed(InputEvent::Line(line)) => self.take(&line),
                SessionUpdate::Typed(InputEvent::Input(_) | InputEvent::End)
                | SessionUpdate::Trying
                | SessionUpdate::Time => Ok(()),
                SessionUpdate::Waiting(next) => {
                    self.out.reconnecting(next.saturating_duration_since(self.runtime.now()))
                }
                SessionUpdate::Over(summary) => {
                    if summary.reason == CloseReason::ClosedByServer {
                        let _ = self.out.put(&JsonEvent::State(State::Closed));
                    }
                    return Ok(summary);
                }
                SessionUpdate::Failed(error) => return Err(error),
            };
            if let Err(error) = written {
                self.session.output_failed(&error);
            }
        }
    }

    fn tell(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Ready(welcome) => {
                self.out.put(&events::ready(&welcome, &self.me))?;
                self.open(welcome.mode)?;
                for message in &welcome.history {
                    self.said(message, true)?;
                }
                self.members = welcome.members;
                Ok(())
            }
            Event::Message(message) => self.said(&message, false),
            Event::Rejected(rejected) => self.out.put(&events::rejected(&rejected)),
            Event::Joined(name, online) => {
                let written =
                    self.out.put(&JsonEvent::Join { member: events::member(&name), online });
                self.members.push(name);
                written
            }
            Event::Left(name, online) => {
                if let Some(at) = self.members.iter().position(|member| *member == name) {
                    self.members.remove(at);
                }
                self.out.put(&JsonEvent::Leave { member: events::member(&name), online })
            }
            Event::HistoryCleared(by, doubts) => {
                for doubt in doubts {
                    let author = by.as_ref().map_or("", Untrusted::raw);
                    self.out.put(&events::doubted(doubt, author))?;
                }
                self.out.put(&JsonEvent::HistoryCleared { by: by.as_ref().map(Untrusted::raw) })
            }
            Event::Notice(text) => self.out.put(&JsonEvent::Notice { text: text.raw() }),
            Event::SendFailed(reference, why) => {
                let mark = self.marks.remove(&reference);
                self.failed(mark.as_deref(), why)
            }
            Event::Unacknowledged(reference) => {
                let mark = self.marks.get(&reference).map(String::as_str);
                let late = JsonWarning { code: "overdue", mark, ..JsonWarning::default() };
                self.out.put(&JsonEvent::Warn(late))
            }
            Event::RoomState(state) => self.out.put(&events::room_state(&state)),
            Event::RoomWarning(warning) => self.out.put(&events::room_warning(&warning)),
            Event::Ended(_) => Ok(()),
        }
    }

    /// Writes the notices that appear once after joining.
    fn open(&mut self, mode: Mode) -> io::Result<()> {
        if std::mem::take(&mut self.notices.weak_passphrase) && mode < Mode::Strict {
            let weak = JsonWarning { code: "weak_passphrase", ..JsonWarning::default() };
            self.out.put(&JsonEvent::Warn(weak))?;
        }
        match &self.notices.invite {
            Some(card) if std::mem::take(&mut self.notices.show_invite) => {
                self.out.put(&JsonEvent::Invite { line: card.line.as_str() })
            }
            _ => Ok(()),
        }
    }

    fn said(&mut self, message: &Message, history: bool) -> io::Result<()> {
        if let Some(mark) = message.own.and_then(|own| self.marks.remove(&own)) {
            self.out.put(&JsonEvent::Sent { mark: &mark })?;
        }
        for object in events::said(message, &self.me, history) {
            match message.at {
                Some(at) => self.out.put_at(&object, at)?,
                None => self.out.put(&object)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &str) -> io::Result<()> {
        match JsonCommand::read(line) {
            Ok(JsonCommand::Say(text, mark)) => return self.say(text, mark),
            Ok(JsonCommand::Wipe) => self.session.send(SessionCommand::ClearHistory),
            Ok(JsonCommand::Compare) => self.session.send(SessionCommand::RequestFingerprint),
            Ok(JsonCommand::Who) => {
                let members = self.members.iter().map(events::member).collect();
                return self.out.put(&JsonEvent::Members { members });
            }
            Ok(JsonCommand::Leave) => self.session.close(),
            Err(why) => {
                let (code, text) = ("bad_input", why.as_str());
                return self.out.put(&JsonEvent::Error { code, exit: None, text });
            }
        }
        Ok(())
    }

    fn say(&mut self, text: Zeroizing<String>, mark: Option<String>) -> io::Result<()> {
        if text.len() > MAX_TEXT {
            return self.failed(mark.as_deref(), SendError::TooLong);
        }
        if text.is_empty() {
            let (code, text) = ("empty", "nothing to say");
            return self.out.put(&JsonEvent::Failed { mark: mark.as_deref(), code, text });
        }
        let reference = SendId(self.said);
        self.said += 1;
        self.session.send(SessionCommand::Send(reference, text));
        self.marks.extend(mark.map(|mark| (reference, mark)));
        Ok(())
    }

    fn failed(&mut self, mark: Option<&str>, why: SendError) -> io::Result<()> {
        let (code, text) = match why {
            SendError::TooLong => ("too_long", "too long (16 KiB at most)"),
            SendError::Ended => ("ended", "the session is over"),
        };
        self.out.put(&JsonEvent::Failed { mark, code, text })
    }
}

#[cfg(test)]
mod tests;

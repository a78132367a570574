//! A malicious relay of a strict room: the test decides which messages each member
//! receives.
//!
//! Like every relay, it holds the traffic keys of all links but not the room key. It
//! numbers the messages to each member without a gap, so that the numbers alone reveal
//! nothing.

use std::{sync::Arc, time::Duration};

use cmdchat_core::{
    client::{ClientConfig, ReadStatus, SendId, Session, SessionOutput},
    crypto::kdf::room_key,
    fuzzing::established,
    strict_room::hash_chain::{ChainHash, EventKind},
    time::Tick,
    transport::line_decoder::LineDecoder,
    transport::record::{RecordOpener, RecordSealer},
    username::Username,
};
use serde_json::{Value, json};

use crate::{PASSWORD, describe_event, epoch, password};

/// A relay and the members of its room.
#[derive(Default)]
pub struct MaliciousServer {
    now: Tick,
    people: Vec<Person>,
}

struct Person {
    name: String,
    /// The token with which the member introduced itself.
    hello: String,
    session: Session,
    sealer: RecordSealer,
    opener: RecordOpener,
    decoder: LineDecoder,
    /// Decrypted lines that the member has sent.
    sent: Vec<Value>,
    told: Vec<String>,
    /// Number and chain hash of the last message the member received.
    standing: (u64, ChainHash),
    said: u64,
}

/// A member's message as the relay sees it.
#[derive(Clone, Debug)]
pub struct Said {
    /// Wire type: `message` or `cleared`.
    pub kind: &'static str,
    /// The author's username.
    pub author: String,
    /// The encrypted envelope.
    pub token: String,
}

impl Said {
    fn event(&self) -> EventKind {
        if self.kind == "cleared" { EventKind::Cleared } else { EventKind::Message }
    }
}

impl MaliciousServer {
    /// Advances virtual time.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        for person in &mut self.people {
            person.session.handle_timeout(self.now);
            person.collect();
        }
    }

    /// Adds a member and sends it `history`, which begins after `start`. Announces the join
    /// to all other members. Returns the index of the new member: 0, 1, 2….
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a valid username.
    pub fn join(&mut self, name: &str, history: &[Said], start: (u64, ChainHash)) -> usize {
        let place = self.people.len();
        let guest = Username::new(name).expect("a proper name");
        let guest = Arc::new(ClientConfig::new(guest, password(PASSWORD), epoch()));
        let key = room_key(&password(PASSWORD), &[0; 16]);
        let (session, hello, (sealer, opener)) = established(&guest, key, place as u64, self.now);
        let user = |name: &str, hello: &str, place: usize| json!({"user_id": format!("id-{place}"), "username": name, "hello": hello});
        let mut joined = user(name, &hello, place);
        joined["type"] = "user_joined".into();
        (0..place).for_each(|other| self.tell(other, &joined));
        self.people.push(Person {
            name: name.to_owned(),
            hello,
            session,
            sealer,
            opener,
            decoder: LineDecoder::new(0),
            sent: Vec::new(),
            told: Vec::new(),
            standing: start,
            said: 0,
        });
        let users = self.people.iter().enumerate();
        let users = users.map(|(place, person)| user(&person.name, &person.hello, place));
        let users: Vec<_> = users.collect();
        let init = json!({
            "type": "init", "messages": [], "users": [], "members": users.len(),
            "history": history.len(), "run": "5e".repeat(16), "n": start.0,
            "view": start.1.to_string(),
        });
        self.tell(place, &init);
        self.tell(place, &json!({"type": "members", "users": users}));
        history.iter().for_each(|said| self.show(&[place], said));
        place
    }

    /// Receives `text` from a member without relaying it yet.
    ///
    /// # Panics
    ///
    /// Panics if the member sends nothing.
    pub fn hear(&mut self, who: usize, text: &str) -> Said {
        let person = &mut self.people[who];
        person.session.send(self.now, SendId(person.said), text.to_owned().into());
        person.said += 1;
        person.collect();
        person.said("message")
    }

    /// Receives a clear request from a member without relaying it yet.
    ///
    /// # Panics
    ///
    /// Panics if the member sends nothing.
    pub fn hear_clear(&mut self, who: usize) -> Said {
        let person = &mut self.people[who];
        person.session.clear(self.now);
        person.collect();
        person.said("cleared")
    }

    /// Receives `text` from a member and relays it to all present members.
    pub fn say(&mut self, who: usize, text: &str) -> Said {
        let said = self.hear(who, text);
        self.show(&self.present(), &said);
        said
    }

    /// Relays a message to these members, with the number that each expects.
    pub fn show(&mut self, to: &[usize], said: &Said) {
        for &place in to {
            let n = self.people[place].standing.0 + 1;
            self.show_as(place, said, n);
        }
    }

    /// Relays a message to one member with this number.
    pub fn show_as(&mut self, place: usize, said: &Said, n: u64) {
        let (_, view) = self.people[place].standing;
        self.people[place].standing = (n, view.append(said.event(), &said.token, &said.author));
        let data = json!({
            "id": "c9bf9e57-1685-4c89-bafb-ff5af830be8a", "text": said.token,
            "timestamp": "2026-11-23T15:00:00.000001+00:00", "username": said.author, "n": n,
        });
        self.tell(place, &json!({"type": said.kind, "data": data}));
    }

    /// Sends an arbitrary line to a member.
    ///
    /// # Panics
    ///
    /// Panics if the line does not fit into a record.
    pub fn tell(&mut self, place: usize, line: &Value) {
        let person = &mut self.people[place];
        let mut record = Vec::new();
        person.sealer.seal(line.to_string().as_bytes(), &mut record).expect("it fits");
        person.decoder.feed(&record);
        while person.session.handle_input(self.now, &mut person.decoder) == ReadStatus::Line {}
        person.collect();
    }

    /// Returns the number and chain hash of the last message a member received.
    #[must_use]
    pub fn standing(&self, place: usize) -> (u64, ChainHash) {
        self.people[place].standing
    }

    /// Returns the indices of all members whose session is still running.
    #[must_use]
    pub fn present(&self) -> Vec<usize> {
        let is_there = |place: &usize| self.people[*place].session.poll_timeout().is_some();
        (0..self.people.len()).filter(is_there).collect()
    }

    /// Returns the usernames of all members that ever joined, by index.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.people.iter().map(|person| person.name.clone()).collect()
    }

    /// Returns the events of a member since the last call.
    pub fn told(&mut self, place: usize) -> Vec<String> {
        std::mem::take(&mut self.people[place].told)
    }

    /// Returns the fingerprint that a member would read out to compare rooms.
    pub fn code(&mut self, place: usize) -> String {
        let person = &mut self.people[place];
        person.session.request_fingerprint();
        person.collect();
        person.told.pop().unwrap_or_default()
    }
}

impl Person {
    fn collect(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::Send(frame) => {
                    self.opener.open(frame.line()).expect("an honest member's");
                    while let Some(object) = self.opener.next_object() {
                        self.sent.push(serde_json::from_slice(object).expect("JSON"));
                    }
                }
                SessionOutput::Event(event) => self.told.push(describe_event(&event)),
            }
        }
    }

    fn said(&mut self, kind: &'static str) -> Said {
        let line = self.sent.pop().expect("it sends something");
        let token = line["text"].as_str().expect("a token").to_owned();
        Said { kind, author: self.name.clone(), token }
    }
}

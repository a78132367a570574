//! What a server tells, read tolerantly (PROTOCOL 1.5, 3.3): a Python server
//! passes on whatever its members send, and no line may end the client.

use jiff::Timestamp;

use crate::{
    tolerant::{self, Value},
    untrusted::Untrusted,
};

/// One line of the chat.
#[derive(Debug)]
pub(crate) enum News {
    Init {
        messages: Vec<Data>,
        users: Vec<User>,
    },
    Message(Data),
    Joined(User),
    Left {
        user_id: String,
    },
    Cleared,
    /// Something this client does not know, or not JSON at all.
    Unknown,
}

/// DATA: a message as the server passes it on.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) id: Option<String>,
    /// `None` if it is no text at all.
    pub(crate) token: Option<String>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) author: Untrusted,
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) user_id: String,
    pub(crate) name: Untrusted,
}

impl News {
    pub(crate) fn read(line: &[u8]) -> Self {
        let Some(line) = tolerant::read(line) else { return Self::Unknown };
        let news = match line.get("type").and_then(Value::as_text) {
            Some("init") => Some(Self::Init {
                messages: elements(&line, "messages").iter().filter_map(data).collect(),
                users: elements(&line, "users").iter().filter_map(user).collect(),
            }),
            Some("message") => line.get("data").and_then(data).map(Self::Message),
            Some("user_joined") => user(&line).map(Self::Joined),
            Some("user_left") => text(&line, "user_id").map(|user_id| Self::Left { user_id }),
            Some("cleared") => Some(Self::Cleared),
            _ => None,
        };
        news.unwrap_or(Self::Unknown)
    }
}

fn elements<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_list).unwrap_or_default()
}

fn data(value: &Value) -> Option<Data> {
    Some(Data {
        author: name(value.get("username")?),
        id: text(value, "id"),
        token: text(value, "text"),
        at: text(value, "timestamp").and_then(|at| at.parse().ok()),
    })
}

fn user(value: &Value) -> Option<User> {
    Some(User { user_id: text(value, "user_id")?, name: name(value.get("username")?) })
}

/// Any JSON value may stand where a name should.
fn name(value: &Value) -> Untrusted {
    Untrusted::new(value.as_text().map_or_else(|| value.to_text(), str::to_owned))
}

fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_text).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_element_costs_itself_and_not_the_line() {
        let line = br#"{"type":"init","messages":[5,{"username":"a"},{"id":null},
            {"id":"x","text":NaN,"timestamp":7,"username":["\ud800",1e999]}],
            "users":[null,{"user_id":"1","username":5},{"user_id":2,"username":"b"}]}"#;
        let News::Init { messages, users } = News::read(line) else { panic!("not an init") };
        let authors: Vec<_> = messages.iter().map(|data| data.author.raw().to_owned()).collect();
        assert_eq!(authors.first().map(String::as_str), Some("a"));
        assert_eq!(authors.len(), 2);
        assert!(messages.iter().all(|data| data.token.is_none() && data.at.is_none()));
        let names: Vec<_> = users.iter().map(|user| user.name.raw()).collect();
        assert_eq!(names, ["5"]);
    }

    #[test]
    fn what_is_unknown_is_unknown() {
        for line in [
            "",
            "hello",
            "[]",
            "{}",
            r#"{"type":5}"#,
            r#"{"type":"dance"}"#,
            r#"{"type":"message","data":5}"#,
        ] {
            assert!(matches!(News::read(line.as_bytes()), News::Unknown), "{line}");
        }
    }
}

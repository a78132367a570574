//! Deviations of this server from Python's, each with its reason.

pub(crate) struct Deviation {
    pub(crate) scenario: &'static str,
    /// The section of PROTOCOL that requires the deviation.
    pub(crate) protocol: &'static str,
    /// Lines that only Python's server sent (`-`) or only this one (`+`), each with its
    /// receiver. The beginning of each line is shown, masked, with sorted keys.
    pub(crate) difference: &'static [&'static str],
}

pub(crate) const DEVIATIONS: &[Deviation] = &[
    Deviation {
        scenario: "error:first line is a JSON array (closed, no answer)",
        protocol: "1.7: `Invalid JSON` instead of silence",
        difference: &[r#"+ peer 1 {"error":"Invalid JSON"}"#],
    },
    Deviation {
        scenario: "error:first line is a JSON string (closed, no answer)",
        protocol: "1.7: `Invalid JSON` instead of silence",
        difference: &[r#"+ peer 1 {"error":"Invalid JSON"}"#],
    },
    Deviation {
        scenario: "error:first line not UTF-8 (closed, no answer)",
        protocol: "1.7: `Invalid JSON` instead of silence",
        difference: &[r#"+ peer 1 {"error":"Invalid JSON"}"#],
    },
    Deviation {
        scenario: "error:first line deep nesting (closed, no answer)",
        protocol: "1.7: `Invalid JSON` instead of silence",
        difference: &[r#"+ peer 1 {"error":"Invalid JSON"}"#],
    },
    Deviation {
        scenario: "error:huge integer (closed, no answer)",
        protocol: "1.7: `Invalid JSON` instead of silence",
        difference: &[r#"+ peer 1 {"error":"Invalid JSON"}"#],
    },
    Deviation {
        scenario: "error:A decodes to nothing",
        protocol: "1.3: an A outside 1 < A < N - 1 is refused at line 1",
        difference: &[
            r#"- peer 1 {"B":"…","room_salt":"…","salt":"…","user_id":"peer 1"}"#,
            r#"- peer 1 {"error":"bytes_A must be provided through Verifier cons…"#,
            r#"+ peer 1 {"error":"SRP init failed"}"#,
        ],
    },
    Deviation {
        scenario: "error:A of 257 bytes",
        protocol: "1.3: an A outside 1 < A < N - 1 is refused at line 1",
        difference: &[
            r#"- peer 1 {"B":"…","room_salt":"…","salt":"…","user_id":"peer 1"}"#,
            r#"- peer 1 {"error":"negative count"}"#,
            r#"+ peer 1 {"error":"SRP init failed"}"#,
        ],
    },
    Deviation {
        scenario: "error:A = N + 5 (256 bytes, not reduced)",
        protocol: "1.3: an A outside 1 < A < N - 1 is refused at line 1",
        difference: &[
            r#"- peer 1 {"B":"…","room_salt":"…","salt":"…","user_id":"peer 1"}"#,
            r#"- peer 1 {"error":"Authentication failed"}"#,
            r#"+ peer 1 {"error":"SRP init failed"}"#,
        ],
    },
    Deviation {
        scenario: "error:M not base64 (one character)",
        protocol: "1.7: no text of the insides; an M that is no proof is `Invalid verify request`",
        difference: &[
            r#"- peer 1 {"error":"Invalid base64-encoded string: number of data …"#,
            r#"+ peer 1 {"error":"Invalid verify request"}"#,
        ],
    },
    Deviation {
        scenario: "error:M not base64 (bad padding)",
        protocol: "1.7: no text of the insides; an M that is no proof is `Invalid verify request`",
        difference: &[
            r#"- peer 1 {"error":"Incorrect padding"}"#,
            r#"+ peer 1 {"error":"Invalid verify request"}"#,
        ],
    },
    Deviation {
        scenario: "error:M non-ASCII",
        protocol: "1.7: no text of the insides; an M that is no proof is `Invalid verify request`",
        difference: &[
            r#"- peer 1 {"error":"string argument should contain only ASCII char…"#,
            r#"+ peer 1 {"error":"Invalid verify request"}"#,
        ],
    },
    Deviation {
        scenario: "error:M number (closed, no answer)",
        protocol: "1.7: no text of the insides; an M that is no proof is `Invalid verify request`",
        difference: &[r#"+ peer 1 {"error":"Invalid verify request"}"#],
    },
    Deviation {
        scenario: "error:username null",
        protocol: "1.2, 3.2: a name is a string that obeys the rules",
        difference: &[
            r#"- peer 1 {"B":"…","room_salt":"…","salt":"…","user_id":"peer 1"}"#,
            r#"- peer 1 (follows)"#,
            r#"+ peer 1 {"error":"Invalid username"}"#,
            r#"+ peer 1 (hangs up)"#,
        ],
    },
    Deviation {
        scenario: "error:username list",
        protocol: "1.2, 3.2: a name is a string that obeys the rules",
        difference: &[
            r#"- peer 1 {"B":"…","room_salt":"…","salt":"…","user_id":"peer 1"}"#,
            r#"- peer 1 (follows)"#,
            r#"+ peer 1 {"error":"Invalid username"}"#,
            r#"+ peer 1 (hangs up)"#,
        ],
    },
    Deviation {
        scenario: "error:extra fields ignored",
        protocol: "2.3: an offer of protocol 2 needs a kem",
        difference: &[
            r#"- peer 1 {"B":"…","room_salt":"…","salt":"…","user_id":"peer 1"}"#,
            r#"- peer 1 (follows)"#,
            r#"+ peer 1 {"error":"SRP init failed"}"#,
            r#"+ peer 1 (hangs up)"#,
        ],
    },
    Deviation {
        scenario: "chat:text is a number",
        protocol: "3.3: only a string is a text; all else is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":5,"timestamp":"…","user…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":5,"timestamp":"…","user…"#,
        ],
    },
    Deviation {
        scenario: "chat:text is null",
        protocol: "3.3: only a string is a text; all else is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":null,"timestamp":"…","u…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":null,"timestamp":"…","u…"#,
        ],
    },
    Deviation {
        scenario: "chat:text is an object",
        protocol: "3.3: only a string is a text; all else is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":{"a":[1,2,{"b":null}]},…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":{"a":[1,2,{"b":null}]},…"#,
        ],
    },
    Deviation {
        scenario: "chat:lone surrogate is relayed",
        protocol: "3.3: S reads strictly; half a surrogate pair is no text",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":"� x �","timestamp":"…"…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":"� x �","timestamp":"…"…"#,
        ],
    },
    Deviation {
        scenario: "chat:surrogate pair",
        protocol: "3.1: what has other characters than a token is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":"😀","timestamp":"…","us…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":"😀","timestamp":"…","us…"#,
        ],
    },
    Deviation {
        scenario: "chat:raw UTF-8 in",
        protocol: "3.1: what has other characters than a token is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":"漢é","timestamp":"…","u…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":"漢é","timestamp":"…","u…"#,
        ],
    },
    Deviation {
        scenario: "chat:NaN and Infinity are relayed",
        protocol: "3.3: only a string is a text; all else is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":[null,null,null,null],"…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":[null,null,null,null],"…"#,
        ],
    },
    Deviation {
        scenario: "chat:integer of 400 digits",
        protocol: "3.3: only a string is a text; all else is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":"9999999999999999999999…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":"9999999999999999999999…"#,
        ],
    },
    Deviation {
        scenario: "chat:nesting of 300",
        protocol: "3.3: only a string is a text; all else is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":[[[[[[[[[[[[[[[[[[[[[[[…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":[[[[[[[[[[[[[[[[[[[[[[[…"#,
        ],
    },
    Deviation {
        scenario: "chat:control characters escaped",
        protocol: "3.1: what has other characters than a token is ignored",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":"\u001b[31m\u0000","ti…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":"\u001b[31m\u0000","ti…"#,
        ],
    },
    Deviation {
        scenario: "chat:nesting of 2000 closes the connection",
        protocol: "3.3: what is no string is ignored, however deep it is nested",
        difference: &[r#"- peer 1 (hangs up)"#, r#"+ peer 1 (follows)"#],
    },
    Deviation {
        scenario: "limits",
        protocol: "3.1: what is longer than a token may be is ignored; 1.1: passed on it would cut off all",
        difference: &[
            r#"- alice {"data":{"id":"message 1","text":"yyyyyyyyyyyyyyyyyyyyyy…"#,
            r#"- alice {"data":{"id":"message 1","text":"yyyyyyyyyyyyyyyyyyyyyy…"#,
            r#"- alice {"data":{"id":"message 1","text":"yyyyyyyyyyyyyyyyyyyyyy…"#,
            r#"- peer 1 {"data":{"id":"message 1","text":"yyyyyyyyyyyyyyyyyyyyyy…"#,
            r#"- peer 2 {"data":{"id":"message 1","text":"yyyyyyyyyyyyyyyyyyyyyy…"#,
            r#"- peer 3 {"data":{"id":"message 1","text":"yyyyyyyyyyyyyyyyyyyyyy…"#,
        ],
    },
];

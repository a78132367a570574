//! Tests of the sanitizers with hostile text.

use cmdchat_core::untrusted::Untrusted;
use proptest::prelude::*;

use crate::text::SafeText;

fn untrusted(text: &str) -> Untrusted {
    Untrusted::new(text.into())
}

fn body(text: &str) -> String {
    let lines: Vec<_> =
        SafeText::message(&untrusted(text)).lines().map(ToString::to_string).collect();
    lines.join("\n")
}

fn name(text: &str) -> String {
    SafeText::username(&untrusted(text)).to_string()
}

/// The lists of rule 2, written independently of the tables.
const LEFT_OUT: &[(u32, u32)] = &[
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200B),
    (0x200E, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x2064),
    (0x2066, 0x2069),
    (0x206A, 0x206F),
    (0x3164, 0x3164),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
];

fn listed(point: char) -> bool {
    LEFT_OUT.iter().any(|&(first, last)| (first..=last).contains(&u32::from(point)))
}

fn points(first: u32, last: u32) -> impl Iterator<Item = char> {
    (first..=last).filter_map(char::from_u32)
}

#[test]
fn hidden_characters_are_removed_with_a_count() {
    for point in LEFT_OUT.iter().flat_map(|&(first, last)| points(first, last)) {
        assert_eq!(body(&format!("a{point}b")), "ab [1 hidden]", "U+{:04X}", u32::from(point));
        assert_eq!(name(&format!("a{point}b")), "ab?", "U+{:04X}", u32::from(point));
    }
}

#[test]
fn control_characters_are_escaped() {
    for point in points(0, 0x1F).filter(|c| !matches!(c, '\t' | '\n' | '\r')) {
        let letter = char::from(b'@' + u8::try_from(u32::from(point)).unwrap());
        assert_eq!(body(&format!("a{point}b")), format!("a^{letter}b"));
    }
    for point in points(0x7F, 0x9F).filter(|&c| c != '\u{85}') {
        assert_eq!(body(&format!("a{point}b")), format!("a<{:02X}>b", u32::from(point)));
    }
}

#[test]
fn all_line_endings_break_lines() {
    assert_eq!(body("a\nb\r\nc\rd\u{85}e\u{2028}f\u{2029}g"), "a\nb\nc\nd\ne\nf\ng");
    assert_eq!(body(""), "");
    assert_eq!(body("a\n\nb\n"), "a\n\nb\n");
    assert_eq!(body("a\n\u{202E}b\nc"), "a\nb\nc [1 hidden]");
}

#[test]
fn message_is_truncated_after_200_lines() {
    assert!(body(&"x\n".repeat(199)).ends_with("x\n"));
    assert!(body(&"x\n".repeat(200)).ends_with("x\n… 1 more line"));
    let text = body(&"x\r\n".repeat(1_000));
    assert_eq!(text.lines().count(), 201);
    assert!(text.ends_with("… 801 more lines"));
}

#[test]
fn tabs_expand_to_four_columns() {
    assert_eq!(body("\ta\tbc\tdef\tghij\tk"), "    a   bc  def ghij    k");
    assert_eq!(body("日\tx"), "日  x");
    assert_eq!(body("\u{1B}\tx"), "^[  x");
}

#[test]
fn terminal_attacks_become_visible_text() {
    for (attack, shown) in [
        ("\u{1B}[2J\u{1B}[Hgone", "^[[2J^[[Hgone"),
        ("\u{1B}]52;c;cm0gLXJm\u{7}", "^[]52;c;cm0gLXJm^G"),
        ("\u{1B}]0;title\u{1B}\\", "^[]0;title^[\\"),
        ("\u{1B}]8;;http://evil\u{7}http://good", "^[]8;;http://evil^Ghttp://good"),
        ("\u{1B}[201~rm -rf /", "^[[201~rm -rf /"),
        ("\u{9B}6n\u{90}q\u{9C}", "<9B>6n<90>q<9C>"),
        ("a\u{8}\u{8}b\u{7F}", "a^H^Hb<7F>"),
        ("ok\u{2028}14:03:07 <alice> me too", "ok\n14:03:07 <alice> me too"),
        ("gpj.\u{202E}exe.\u{2066}", "gpj.exe. [2 hidden]"),
        ("pay\u{200B}pal\u{2060}", "paypal [2 hidden]"),
        ("hi\u{E0068}\u{E0069}", "hi [2 hidden]"),
        ("\u{E000}\u{10FFFF}\u{FDD0}\u{378}\u{2065}", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
        ("\u{301}x", "\u{FFFD}x"),
    ] {
        assert_eq!(body(attack), shown, "{}", attack.escape_unicode());
    }
}

#[test]
fn combining_marks_are_limited() {
    let four = "e\u{301}\u{301}\u{301}\u{301}";
    assert_eq!(body(four), four);
    assert_eq!(body(&format!("{four}\u{301}\u{302}!")), format!("{four}! [2 hidden]"));
}

#[test]
fn joiners_are_kept_only_where_meaningful() {
    assert_eq!(body("a\u{200D}b\u{200C}"), "ab [2 hidden]");
    assert_eq!(body("می\u{200C}خواهم"), "می\u{200C}خواهم");
    assert_eq!(body("क\u{94D}\u{200D}ष"), "क\u{94D}\u{200D}ष");
    assert_eq!(body("ک\u{200C}\u{200C}\u{200D}ن"), "ک\u{200C}ن [2 hidden]");
}

#[test]
fn zero_width_guard_after_bracket_is_removed() {
    assert_eq!(body("[\u{200B}/nope] [\u{200B}bold]"), "[/nope] [bold]");
    assert_eq!(body("[\u{200B}\u{200B}/nope]"), "[/nope] [1 hidden]");
}

#[test]
fn ordinary_text_is_unchanged() {
    for text in [
        "plain ASCII, \"quotes\" and ~tildes~",
        "naïve Straße Ελληνικά кириллица עברית العربية فارسی",
        "日本語 ｶﾅ 한국어 中文",
        "स्त्री क्षत्रिय ക്ഷ്മി সংস্কৃত ভাষা မြန်မာ หมู่บ้าน",
        "👨‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪 1️⃣ ❤️ ☃",
        "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    ] {
        assert_eq!(body(text), text);
    }
}

#[test]
fn invalid_flag_tags_are_removed() {
    let tags = |count| format!("🏴{}\u{E007F}", "\u{E0061}".repeat(count));
    assert_eq!(body(&tags(2)), "🏴 [3 hidden]");
    assert_eq!(body(&tags(7)), "🏴 [8 hidden]");
    assert_eq!(body("🏴\u{E0067}\u{E0062}\u{E0065}"), "🏴 [3 hidden]");
}

#[test]
fn graphemes_of_wrong_width_are_replaced() {
    assert_eq!(body("\u{1100}\u{1100}\u{1161}"), "\u{FFFD}");
    assert_eq!(body(&format!("{}👨", "👨\u{200D}".repeat(10))), "\u{FFFD}");
}

#[test]
fn usernames_are_shown_as_one_bounded_line() {
    assert_eq!(name("bob"), "bob");
    assert_eq!(name("Zoë van Dam"), "Zoë van Dam");
    assert_eq!(name("日本"), "日本");
    assert_eq!(name(""), "?");
    assert_eq!(name("\u{200B}"), "?");
    assert_eq!(name("bob "), "bob ?");
    assert_eq!(name("bob\u{3000}x"), "bob\u{3000}x?");
    assert_eq!(name("bob\n-- eve left"), "bob\u{FFFD}-- eve left?");
    assert_eq!(name("a\tb\u{1B}"), "a^Ib^[?");
    assert_eq!(name(&"x".repeat(32)), "x".repeat(32));
    assert_eq!(name(&"x".repeat(33)), format!("{}~", "x".repeat(31)));
    assert_eq!(name(&"日".repeat(20)), format!("{}~", "日".repeat(15)));
}

#[test]
fn plain_name_is_one_word() {
    let word = |text| SafeText::plain_name(&untrusted(text)).to_string();
    assert_eq!(word("al ice> <b|"), "al_ice__<b_".replace('<', "_"));
    assert_eq!(word("a\u{A0}b"), "a_b?");
}

#[test]
fn sanitizing_takes_linear_time() {
    for pattern in [
        "a",
        "\n",
        "\t",
        "\u{9B}",
        "[\u{200B}",
        "e\u{301}",
        "\u{301}",
        "👨\u{200D}",
        "🇩",
        "\u{1100}",
        "क\u{94D}",
        "🏴\u{E0061}",
    ] {
        let text = untrusted(&pattern.repeat((1 << 20) / pattern.len()));
        let shown: usize = SafeText::message(&text).lines().map(|line| line.as_str().len()).sum();
        assert!(shown <= 4 << 20);
        assert!(SafeText::username(&text).width() <= 33);
        assert!(SafeText::quote_remote(&text).as_str().len() < 2_000);
    }
}

/// Characters of all kinds, with dangerous ones over-represented.
fn anything() -> impl Strategy<Value = String> {
    let point = prop_oneof![
        any::<char>(),
        prop::char::range('\0', '\u{A0}'),
        prop::char::range('\u{2000}', '\u{206F}'),
        prop::char::range('\u{300}', '\u{36F}'),
        prop::char::range('\u{E0000}', '\u{E01FF}'),
        prop::sample::select(vec![
            '[',
            '👨',
            '🏴',
            '🇩',
            'क',
            '\u{94D}',
            '\u{200D}',
            '\u{1100}',
            '\u{FE0F}',
            '日',
            '\u{E007F}'
        ]),
    ];
    prop::collection::vec(point, 0..80).prop_map(String::from_iter)
}

/// Asserts that no character is on the lists, except tags inside a flag.
fn harmless(line: &str) -> bool {
    let mut in_flag = false;
    line.chars().all(|point| {
        let tag = in_flag && ('\u{E0030}'..='\u{E007F}').contains(&point);
        in_flag = point == '🏴' || tag;
        tag || !(point.is_control() || matches!(point, '\u{2028}' | '\u{2029}') || listed(point))
    })
}

proptest! {
    #[test]
    fn sanitized_text_is_harmless(text in anything()) {
        for line in SafeText::message(&untrusted(&text)).lines() {
            prop_assert!(harmless(line.as_str()));
        }
        for line in [SafeText::username(&untrusted(&text)), SafeText::plain_name(&untrusted(&text)), SafeText::quote_remote(&untrusted(&text))] {
            prop_assert!(harmless(line.as_str()));
        }
        prop_assert!(SafeText::username(&untrusted(&text)).width() <= 33);
        prop_assert!(!SafeText::plain_name(&untrusted(&text)).as_str().contains([' ', '<', '>', '|']));
    }

    #[test]
    fn sanitize_draft_is_idempotent(text in anything()) {
        let once = super::sanitize_draft(&text);
        prop_assert_eq!(super::sanitize_draft(&once), once);
    }
}

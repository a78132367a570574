//! Test that the screenshot in the README matches what the program draws. If it
//! fails, the screen has changed. Write the new screenshot and look at it:
//! `CMDCHAT_PICTURE=write cargo test -p cmdchat --test readme_screenshot`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

#[path = "common/ui_fixture.rs"]
#[allow(dead_code, reason = "each test program uses a part of this")]
mod ui_fixture;

use std::{env, fmt::Write as _, fs};

use ratatui_core::{
    buffer::Cell,
    style::{Color, Modifier},
};
use ui_fixture::Scene;
use unicode_width::UnicodeWidthStr as _;

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/screen.svg");

/// Width of one cell, in pixels.
const WIDTH: usize = 9;
/// Height of one cell, in pixels.
const HEIGHT: usize = 19;
const MARGIN: usize = 12;

/// Returns the screen after a short conversation.
fn evening() -> Scene {
    let mut scene = Scene::new(96, 18);
    scene.says("bob", "hello, this is the new room");
    scene.says(
        "carol",
        "a longer line that does not fit wraps under its own text, and never under the name of whoever says it",
    );
    scene.waits(60);
    scene.says("dave", "日本語 and 🎉 take the cells they take");
    scene.says("bob", "@alice are you there?");
    scene.says("carol", "/me waves");
    scene.joins("erin", 5);
    scene.says("mallory", "\u{1B}[2J\u{1B}]0;gone\u{7} nothing happens to your terminal");
    scene.enter("yes, here");
    scene.echoes("yes, here");
    scene.enter("this line is still on its way");
    scene.types("and this is being typed");
    scene
}

#[test]
fn readme_screenshot_matches_the_program() {
    let drawn = svg(&evening());
    if env::var("CMDCHAT_PICTURE").is_ok_and(|what| what == "write") {
        fs::write(PICTURE, &drawn).unwrap();
    }
    let shown = fs::read_to_string(PICTURE).unwrap();
    assert!(shown == drawn, "docs/screen.svg shows another screen than the program draws");
}

fn svg(scene: &Scene) -> String {
    let frame = scene.frame();
    let rows = ui_fixture::rows(&frame);
    let (columns, lines) = (usize::from(frame.buffer.area.width), rows.len());
    let (width, height) = (columns * WIDTH + 2 * MARGIN, lines * HEIGHT + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"15\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#1c1f26\"/>\n"
    );
    for (row, cells) in rows.iter().enumerate() {
        let y = MARGIN + row * HEIGHT + 14;
        let mut column = 0;
        for run in cells.chunk_by(|a, b| a.style() == b.style()) {
            let text: String = run.iter().map(Cell::symbol).collect();
            let cells = text.width();
            let kept = text.trim_end();
            if let Some(first) = run.first().filter(|_| !kept.is_empty()) {
                let (x, length) = (MARGIN + column * WIDTH, kept.width() * WIDTH);
                let _ = writeln!(
                    svg,
                    "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" xml:space=\"preserve\"{}>{}</text>",
                    paint(first),
                    kept.replace('&', "&amp;").replace('<', "&lt;")
                );
            }
            column += cells;
        }
    }
    let cursor = frame.cursor.unwrap();
    let (x, y) = (MARGIN + usize::from(cursor.x) * WIDTH, MARGIN + usize::from(cursor.y) * HEIGHT);
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#d7dae0\"/>"
    );
    svg.push_str("</svg>\n");
    svg
}

/// Returns the SVG attributes of a cell's style, in the colours of a dark terminal.
#[expect(clippy::wildcard_enum_match_arm, reason = "the colours that the screen has")]
fn paint(cell: &Cell) -> String {
    let colour = match cell.fg {
        Color::Red => "#e06c75",
        Color::Green => "#98c379",
        Color::Yellow => "#e5c07b",
        Color::Blue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::Cyan => "#56b6c2",
        Color::LightMagenta => "#e39ef0",
        Color::LightBlue => "#8cc4f5",
        _ => "#d7dae0",
    };
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let dim = if cell.modifier.contains(Modifier::DIM) { " fill-opacity=\"0.6\"" } else { "" };
    format!(" fill=\"{colour}\"{weight}{dim}")
}

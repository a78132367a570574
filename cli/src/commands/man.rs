//! `cmdchat man`: one manual page with a section per command.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use crate::args;

/// Returns the manual page as roff.
pub(super) fn page() -> Vec<u8> {
    let mut shape = args::command().disable_help_subcommand(true);
    shape.build();
    let mut page = text(|out| Man::new(shape.clone()).render_title(out));
    page += &text(|out| Man::new(shape.clone()).render_name_section(out));
    page += &sections(&shape);
    for command in shape.get_subcommands() {
        let heading = format!("cmdchat {}", command.get_name());
        page += &Roff::default().control("SH", [heading.as_str()]).to_roff();
        // Sections of a command's own page become subsections here.
        page += &sections(command).replace(".SH ", ".SS ");
    }
    page.into_bytes()
}

/// Renders the sections of one command.
fn sections(command: &Command) -> String {
    // The manual also documents options that the short help hides.
    let command = command.clone().mut_args(|arg| arg.hide_short_help(false));
    let man = Man::new(command.clone());
    let mut sections = text(|out| man.render_synopsis_section(out));
    sections += &text(|out| man.render_description_section(out));
    if let Some(examples) = command.get_before_long_help() {
        let mut roff = Roff::default();
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.to_string().lines().skip(1) {
            roff.text([roman(line)]);
        }
        sections += &roff.control("fi", []).to_roff();
    }
    sections + &text(|out| man.render_options_section(out))
}

fn text(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    let _ = render(&mut bytes); // writing to a vector cannot fail
    String::from_utf8_lossy(&bytes).into_owned()
}

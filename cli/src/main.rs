//! The program `cmdchat`.

fn main() {}

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cmdchat::fuzzing::terminal_output(data));

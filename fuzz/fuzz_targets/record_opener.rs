#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cmdchat_core::fuzzing::record_opener(data));

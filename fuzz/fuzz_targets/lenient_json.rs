#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cmdchat_core::fuzzing::lenient_json(data));

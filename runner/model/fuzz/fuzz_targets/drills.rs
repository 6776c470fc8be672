//! Bytes become a drill and a block that it may use. Nothing may panic, and what is refused is refused at a place of a file.
//!
//! A line `---8<---` divides the drill from the block `_b.yaml`, so that the corpus can be written and read by people.

#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use sitedrill_model::load::{Found, parse};

const DIVIDER: &[u8] = b"---8<---\n";

fuzz_target!(|bytes: &[u8]| {
    let at = bytes
        .windows(DIVIDER.len())
        .position(|window| window == DIVIDER);
    let (drill, block) = match at {
        Some(at) => (&bytes[..at], &bytes[at + DIVIDER.len()..]),
        None => (bytes, &bytes[bytes.len()..]),
    };
    let found = [Found {
        file: "drill.yaml".to_owned(),
        classname: "fuzz".to_owned(),
    }];
    let read = |file: &str| match file {
        "drill.yaml" => Ok(drill.to_vec()),
        "_b.yaml" => Ok(block.to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    for problem in parse(&found, &read).err().into_iter().flatten() {
        assert!(problem.location.line >= 1 && problem.location.column >= 1);
        assert!(!problem.message.is_empty());
        // What people see is made of the file, too.
        let _ = problem.to_string();
    }
});

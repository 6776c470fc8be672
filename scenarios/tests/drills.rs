//! One scenario file is one test.

fn main() {}

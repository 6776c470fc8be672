//! The drills as tests: each scenario or suite file below this folder is one test.
//!
//! There is nothing here but the files and `tests/drills.rs`; all logic is in the `sitedrill` library.

//! The drills as tests.

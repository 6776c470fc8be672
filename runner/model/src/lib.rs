//! The drill language: scenarios and suites, lint, events and the record of a run.

//! From events and the record of a run to terminal, JUnit, HTML and JSON.

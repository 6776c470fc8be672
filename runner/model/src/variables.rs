//! Values that a drill saves and writes into later texts as `${name}`.

/// Whether a text is whole only when its step acts, because a value stands in it.
pub fn has_variable(text: &str) -> bool {
    text.contains("${")
}

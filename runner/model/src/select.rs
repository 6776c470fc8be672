//! Choosing some of the drills that were loaded.

use crate::scenario::Drill;

/// Whether a drill is among those asked for.
///
/// It must carry one of `tags` (any, where none is asked for), and its name must contain one of
/// `names` (any, where none is asked for).
pub fn matches(drill: &Drill, tags: &[String], names: &[String]) -> bool {
    let tagged = tags.is_empty() || tags.iter().any(|tag| drill.tags.contains(tag));
    let named = names.is_empty() || names.iter().any(|name| drill.name.contains(name.as_str()));
    tagged && named
}

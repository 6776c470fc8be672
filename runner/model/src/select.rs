//! Choosing some of the drills that were loaded.

use crate::scenario::Drill;

/// Whether a drill is among those asked for.
///
/// It must carry one of `tags` (any, where none is asked for), and its name must contain one of
/// `names` (any, where none is asked for).
pub fn matches(drill: &Drill, tags: &[String], names: &[String]) -> bool {
    let has_tag = tags.is_empty() || tags.iter().any(|tag| drill.tags.contains(tag));
    let has_name = names.is_empty() || names.iter().any(|part| drill.name.contains(part.as_str()));
    has_tag && has_name
}

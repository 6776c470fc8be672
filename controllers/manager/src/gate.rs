//! A seam for tests: stop a controller right before or right after one of its writes.

use std::sync::Arc;

/// What happens at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The effect is performed; the normal case.
    Go,
    /// The controller stops before the effect, as if the process had died there.
    HaltBefore,
    /// The effect is performed, and the controller stops before it sees the answer.
    HaltAfter,
}

/// Asked before each write with the effect's description, in the order of the writes.
pub type EffectGate = Arc<dyn Fn(&str) -> Gate + Send + Sync>;

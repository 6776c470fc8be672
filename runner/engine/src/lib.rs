//! The drill engine: actors, observation, invariants, measurement and cleanup.

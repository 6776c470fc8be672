//! The pure decisions of both site-recovery controllers.

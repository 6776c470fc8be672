//! The operator's command line for site recovery, and the two failover scripts.

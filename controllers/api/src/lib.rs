//! The site-recovery API: ProtectionGroup and Failover, names, labels, taint keys and conditions.

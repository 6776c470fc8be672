//! Declarative disaster-recovery drills for Kubernetes sites that run virtual machines.

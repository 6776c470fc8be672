//! The two site-recovery controllers: observe a cluster, decide, perform.

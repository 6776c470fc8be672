//! How the storage layer is asked about the volumes of a group: one trait, two implementations.
//!
//! Both only read. Neither guesses: what the layer does not say is `None` in the facts, and the
//! decision treats that as "not proven".

mod drbd_operator;
mod linstor;

use async_trait::async_trait;
use siterecovery_decide::facts::VolumeFacts;

pub(crate) use drbd_operator::{DrbdOperatorView, drbd_volume};
pub use linstor::LinstorClient;

/// What a failover asks the storage layer.
#[async_trait]
pub(crate) trait StorageView: Send + Sync {
    /// The volumes of these names that the storage layer knows, sorted by name, each with its
    /// replicas sorted by node. A volume it does not know is left out.
    async fn volumes(&self, names: &[String]) -> Result<Vec<VolumeFacts>, StorageError>;
}

/// Why the storage layer could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A client for the address could not be made.
    #[error("failed to make a client for {url}")]
    Connect {
        /// The address.
        url: String,
        /// What went wrong.
        #[source]
        source: kube::Error,
    },
    /// The request failed or was refused.
    #[error("failed to read {path} from LINSTOR")]
    Request {
        /// What was asked for.
        path: String,
        /// What went wrong.
        #[source]
        source: kube::Error,
    },
    /// The answer did not come to its end in time.
    #[error("failed to read {path} from LINSTOR in time")]
    Silent {
        /// What was asked for.
        path: String,
    },
    /// The answer makes no sense.
    #[error("failed to understand what LINSTOR answered to {path}")]
    Answer {
        /// What was asked for.
        path: String,
        /// What went wrong.
        #[source]
        source: serde_json::Error,
    },
    /// No site could be asked for its `DRBDVolume` objects.
    #[error("failed to read DRBDVolumes from any site: {errors}")]
    NoSite {
        /// What each site said.
        errors: String,
    },
}

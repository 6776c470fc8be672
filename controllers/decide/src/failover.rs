//! One failover: what to do next.

mod observed;
mod understand;

pub use observed::{FailoverFacts, Observed, SiteFacts, SiteView, StorageView};
pub use understand::{
    Fetch, Fetched, GroupVolumes, SiteObjects, planned, summary, understand, volumes_of,
};

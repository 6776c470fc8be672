//! What an RPO comes from: the markers that machines wrote on the source and found on the target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the RPO of a failover comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkerEvidence {
    /// How often each machine writes a marker, in seconds. A loss that lies between two markers is not seen.
    pub interval_seconds: f64,
    /// The machines of the group that wrote on the source.
    pub machines: Vec<VmMarkers>,
}

/// What one machine wrote on the source and found on the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VmMarkers {
    /// The machine.
    pub vm: String,
    /// The last marker that was acknowledged on the source.
    pub written: Marker,
    /// The marker that the machine found on the target before it wrote there.
    pub found: Option<Marker>,
    /// From the marker found to the last one written, in seconds; `None` where none was found.
    pub seconds_lost: Option<f64>,
    /// How many acknowledged markers were not found; `None` where the machine was never seen running on the target.
    pub records_lost: Option<u64>,
}

/// A record that a machine writes to its disks, so that it can be told later what came through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// One more than that of the marker which its writer found, from 1.
    pub number: u64,
    /// When it was written, by the clock of the sites.
    pub at: Timestamp,
    /// The node of its writer.
    pub node: String,
}

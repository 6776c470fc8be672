//! The lab's writers of data markers: the machines of the simulated world, whatever their sites come from.

use std::sync::Arc;

use async_trait::async_trait;
use sitedrill_engine::{Beat, Markers};
use sitedrill_model::event::Marker;
use sitedrill_world::World;
use sitedrill_world::storage::Mark;

/// The machines of one lab.
pub struct LabMarkers {
    /// The simulated far side.
    pub world: Arc<World>,
}

#[async_trait]
impl Markers for LabMarkers {
    async fn beat(&self) -> Vec<Beat> {
        let beats = self.world.beat().into_iter();
        beats
            .map(|beat| Beat {
                site: beat.domain.site,
                namespace: beat.domain.namespace,
                vm: beat.domain.name,
                found: beat.found.map(marker),
                wrote: beat.wrote.map(marker),
            })
            .collect()
    }
}

fn marker(mark: Mark) -> Marker {
    let Mark { at, number, node } = mark;
    Marker { number, at, node }
}

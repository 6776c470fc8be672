//! Quorum taints on the target's nodes.

use crate::effect::Effect;
use crate::facts::NodeFacts;

/// Every quorum taint on these nodes: `node key`, sorted.
pub fn present(nodes: &[NodeFacts], keys: &[String]) -> Vec<String> {
    let mut found: Vec<String> = nodes
        .iter()
        .flat_map(|node| {
            let taints = node.taints.iter().filter(|taint| keys.contains(&taint.key));
            taints.map(|taint| format!("{} {}", node.name, taint.key))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// One effect a node that carries quorum taints, all of its other taints kept.
pub fn removals(site: &str, nodes: &[NodeFacts], keys: &[String]) -> Vec<Effect> {
    nodes
        .iter()
        .filter_map(|node| {
            let (gone, keep): (Vec<_>, Vec<_>) = node
                .taints
                .iter()
                .cloned()
                .partition(|taint| keys.contains(&taint.key));
            let mut keys: Vec<String> = gone.into_iter().map(|taint| taint.key).collect();
            keys.sort();
            keys.dedup();
            (!keys.is_empty()).then(|| Effect::RemoveTaints {
                site: site.to_owned(),
                node: node.name.clone(),
                keys,
                keep,
                version: node.version.clone(),
            })
        })
        .collect()
}

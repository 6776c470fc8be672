//! The same drill many times, each time under another seed.

use super::Selected;

/// Every drill as often as its file or the command line says. The first of many has the drill's own seed, so that one
/// run of it is the first of many.
pub fn repeated(drills: Vec<Selected>, asked: Option<u32>, run_seed: u64) -> Vec<Selected> {
    let mut all = Vec::new();
    for selected in drills {
        let count = asked.unwrap_or(selected.drill.repeat);
        for n in 0..count {
            let mut one = selected.clone();
            if n > 0 {
                let name = format!("{}-{}", selected.drill.name, n + 1);
                one.info.seed = sitedrill_model::derive_seed(run_seed, &name);
                one.info.name.clone_from(&name);
                one.drill.name = name;
            }
            one.info.index = all.len();
            all.push(one);
        }
    }
    all
}

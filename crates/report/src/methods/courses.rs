//! The part of the methods that says what the arms go through.

use neuro::injury::Injury;

use crate::view::{Arm, View};

/// What the arms go through.
pub(super) fn courses(view: &View<'_>) -> String {
    let arms: Vec<String> = (0..view.arms.len()).map(|index| course(view, index)).collect();
    let held = if view.evidence.study.injures() { " A lost synapse stays at zero through all learning." } else { "" };
    let spared = spared(view);
    format!(
        "{}{held}{spared} The share of synapses lost is counted from the lesion over all convolutional and dense layers, never computed from a \
         formula.",
        arms.join(" ")
    )
}

/// Layers that are struck and too small ever to lose a synapse, each arm's like an earlier one's told once.
fn spared(view: &View<'_>) -> String {
    let (study, cause) = (&view.evidence.study, &view.evidence.cause);
    let Ok(architecture) = study.network.architecture(cause.shape, cause.classes.len()) else { return String::new() };
    let mut told: Vec<String> = Vec::new();
    for (arm, begin) in study.arms.iter().zip(study.beginnings(&architecture)) {
        for spared in begin.iter().flat_map(|begin| arm.injury.spared(begin)) {
            let sentence = format!("{} loses {}", spared.layer, spared.reason);
            if !told.contains(&sentence) {
                told.push(sentence);
            }
        }
    }
    if told.is_empty() { String::new() } else { format!(" Layers that are too small to lose a synapse: {}.", told.join("; ")) }
}

/// An arm's injury and plasticity. An injury like an earlier arm's is not told twice.
fn course(view: &View<'_>, index: usize) -> String {
    let arm = view.arms[index].plan;
    let begins = arm.start.as_ref().map(|start| {
        let study = start.study.as_ref().map_or_else(String::new, |folder| format!(" of the study in {}", folder.display()));
        format!("begins with the networks of arm ‘{}’ after its step {}{study}", start.arm, start.step)
    });
    let steps = match (arm.steps.get(), &begins) {
        (1, None) => "in its one step".to_owned(),
        (steps, None) => format!("in each of {steps} steps"),
        (1, Some(_)) => "in one further step".to_owned(),
        (steps, Some(_)) => format!("in each of {steps} further steps"),
    };
    let alike = view.arms[..index].iter().find(|earlier| loses_alike(earlier, &view.arms[index]));
    let injury = match alike {
        Some(earlier) if arm.injury != Injury::None && arm.injury.is_drawn_from_seed_alone() => {
            format!("the same synapses are lost as in that step of arm ‘{}’ in the trial of the same seed", earlier.name())
        }
        _ => arm.injury.sentence(),
    };
    let plasticity = arm.plasticity.sentence(&view.evidence.study.schooling.lesson());
    match begins {
        None => format!("Arm ‘{}’: {steps}, {injury}; then {plasticity}.", arm.name),
        Some(begins) => format!("Arm ‘{}’ {begins}; {steps}, {injury}; then {plasticity}.", arm.name),
    }
}

/// Whether an earlier arm loses the same synapses at every step of this one, given an injury that is an order drawn from the seed:
/// both began with the same lesion, and the earlier one goes as far.
fn loses_alike(earlier: &Arm<'_>, arm: &Arm<'_>) -> bool {
    let [here, there] = [arm, earlier].map(|arm| arm.plan.start.as_ref());
    let ancestor = here.is_some_and(|start| start.study.is_none() && start.arm == earlier.plan.name);
    earlier.plan.injury == arm.plan.injury && earlier.end() >= arm.end() && (here == there || ancestor)
}

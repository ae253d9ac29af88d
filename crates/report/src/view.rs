//! The evidence as figures and tables look at it: by arm, and by what was asked.

use std::collections::{BTreeSet, HashSet};

use neuro::injury::Injury;
use neuro::reading::Reading;
use neuro::record::{Evidence, Phase, Record, TrialRecords};
use neuro::seed::Seed;
use neuro::statistics::Estimate;
use neuro::study::TrialSeeds;

/// The evidence, sorted.
pub(crate) struct View<'a> {
    pub(crate) evidence: &'a Evidence,
    /// In the study's order, whether begun or not.
    pub(crate) arms: Vec<Arm<'a>>,
    /// Mean class-wise accuracy if it was read, else accuracy.
    pub(crate) accuracy: Option<Question>,
    /// Similarity to the healthy network's representation, the principal layer first.
    pub(crate) similarities: Vec<Question>,
}

/// One arm and the trials of it that were begun.
pub(crate) struct Arm<'a> {
    pub(crate) index: usize,
    pub(crate) plan: &'a neuro::study::Arm,
    pub(crate) trials: Vec<&'a TrialRecords>,
    /// The phase that ends a step: treated if there are lessons, else injured.
    pub(crate) outcome: Phase,
    /// Number of the step after which it begins: 0 for an arm that begins with the healthy networks, else that of the step it
    /// branches from.
    pub(crate) origin: u32,
    /// What was read last of that step.
    begins: Phase,
    /// Seeds of all trials that the study asks for.
    pub(crate) planned: Vec<TrialSeeds>,
    /// There was no schooling: the healthy networks are the weights that were given.
    untaught: bool,
    /// Synapses were lost before it branched.
    inherits_loss: bool,
    /// There were lessons before it branched.
    inherits_lessons: bool,
}

/// A measure, where in the network it is asked, and of which class; empty where it has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) measure: String,
    pub(crate) layer: String,
    pub(crate) class: String,
}

impl<'a> View<'a> {
    pub(crate) fn new(evidence: &'a Evidence) -> Self {
        let arms = evidence.study.arms.iter().enumerate().map(|(index, plan)| Arm::new(index, plan, evidence)).collect();
        Self { evidence, arms, accuracy: accuracy(evidence), similarities: similarities(evidence) }
    }

    /// What headlines are about: accuracy, then similarity in the principal layer.
    pub(crate) fn principal(&self) -> Vec<&Question> {
        self.accuracy.iter().chain(self.similarities.first()).collect()
    }

    /// Everything that was asked, in the order of the records, but for confusions, which are too many for means.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let mut seen = HashSet::new();
        let question = |reading: &Reading| Question {
            measure: reading.measure.clone(),
            layer: reading.layer.clone(),
            class: reading.class.clone(),
        };
        readings(self.evidence).filter(|r| seen.insert((&r.measure, &r.layer, &r.class))).map(question).collect()
    }

    /// Accuracy of blind guessing.
    pub(crate) fn chance(&self) -> f64 {
        1.0 / self.evidence.cause.classes.len().max(1) as f64
    }

    /// Where a step of an arm stands on the axis of synapses lost. An arm that has lost nothing stands at its partner's loss, so
    /// that equal steps stand above each other; nowhere if the partner has not got so far.
    pub(crate) fn place(&self, arm: &Arm<'_>, step: u32) -> Option<f64> {
        match step {
            0 => Some(0.0),
            _ if arm.is_whole() => self.partner()?.lost(step),
            _ => arm.lost(step),
        }
    }

    /// The arm at whose losses arms without loss are placed: the first that loses anything, if possible one that begins healthy.
    pub(crate) fn partner(&self) -> Option<&Arm<'a>> {
        let losing = || self.arms.iter().filter(|arm| arm.steps().any(|record| record.fraction_lost > 0.0) && !arm.is_sham());
        losing().find(|arm| arm.origin == 0).or_else(|| losing().next())
    }

    /// Arms that were begun.
    pub(crate) fn begun(&self) -> impl Iterator<Item = &Arm<'a>> {
        self.arms.iter().filter(|arm| arm.trials.iter().any(|trial| !trial.records.is_empty()))
    }

    /// The healthy value of every subject, each counted once, whatever the number of its trials.
    pub(crate) fn healthy(&self, question: &Question) -> Vec<f64> {
        let traced = |arm: &Arm<'a>| {
            let values = arm.values(0, Phase::Healthy, question);
            values.into_iter().map(|(seeds, value)| (arm.trace(seeds, 0, Phase::Healthy), value)).collect::<Vec<_>>()
        };
        once(self.arms.iter().flat_map(traced))
    }
}

impl<'a> Arm<'a> {
    fn new(index: usize, plan: &'a neuro::study::Arm, evidence: &'a Evidence) -> Self {
        let lesson = plan.plasticity.lesson(&evidence.study.schooling.lesson());
        let outcome = if lesson.is_some_and(|lesson| lesson.epochs > 0) { Phase::Treated } else { Phase::Injured };
        let trials: Vec<_> = evidence.trials.iter().filter(|trial| trial.arm == plan.name.as_str()).collect();
        // a phase is read where a course has it, so the phases read before the branch tell what happened there
        let inherited = || trials.iter().flat_map(|trial| trial.records.iter().filter(|record| record.step <= trial.inherited));
        let origin = plan.start.as_ref().map_or(0, |start| start.step.get());
        let begins = inherited().filter(|record| record.step == origin).map(|record| record.phase).max();
        Self {
            index,
            plan,
            outcome,
            origin,
            begins: begins.unwrap_or(Phase::Healthy),
            planned: evidence.study.seeds.trials(),
            untaught: evidence.study.schooling.epochs == 0,
            inherits_loss: inherited().any(|record| record.phase == Phase::Injured),
            inherits_lessons: inherited().any(|record| record.phase == Phase::Treated),
            trials,
        }
    }

    pub(crate) fn name(&self) -> &'a str {
        self.plan.name.as_str()
    }

    /// Records of its own steps.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &'a Record> {
        self.trials.iter().flat_map(|trial| own(trial)).filter(|record| record.step > 0)
    }

    /// Number of its last step, counted on from where it begins.
    pub(crate) fn end(&self) -> u32 {
        self.origin + self.plan.steps.get()
    }

    /// The reading it begins with: healthy, or what was read last of the step it branches from.
    pub(crate) fn beginning(&self) -> (u32, Phase) {
        (self.origin, self.begins)
    }

    /// Numbers of the steps read in this phase, in order.
    pub(crate) fn steps_read(&self, phase: Phase) -> BTreeSet<u32> {
        self.steps().filter(|record| record.phase == phase).map(|record| record.step).collect()
    }

    /// "begins after step 5 of arm ‘retrained’", of a branch.
    pub(crate) fn branch(&self) -> Option<String> {
        let start = self.plan.start.as_ref()?;
        let study = start.study.as_ref().map_or_else(String::new, |folder| format!(" of the study in {}", folder.display()));
        Some(format!("begins after step {} of arm ‘{}’{study}", start.step, start.arm))
    }

    /// Whether its own steps take nothing.
    pub(crate) fn is_sham(&self) -> bool {
        self.plan.injury == Injury::None
    }

    /// Whether its networks have all their synapses: a sham, unless it branches from an arm that has lost some.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_sham() && self.trials.iter().flat_map(|trial| &trial.records).all(|record| record.fraction_lost <= 0.0)
    }

    /// Share of synapses lost at a step, mean over the seeds that got so far.
    pub(crate) fn lost(&self, step: u32) -> Option<f64> {
        let lost: Vec<f64> =
            self.trials.iter().filter_map(|t| t.records.iter().find(|r| r.step == step)).map(|r| r.fraction_lost).collect();
        Estimate::of(&lost).map(|estimate| estimate.mean)
    }

    /// The defined values at one moment, with the seeds they belong to.
    pub(crate) fn values(&self, step: u32, phase: Phase, question: &Question) -> Vec<(TrialSeeds, f64)> {
        let value =
            |trial: &TrialRecords| trial.records.iter().find(|r| r.step == step && r.phase == phase).and_then(|r| question.of(r));
        self.trials.iter().filter_map(|trial| Some((trial.seeds, value(trial)?))).collect()
    }

    /// Mean and interval over seeds at one moment. Trials that share their trace count once.
    pub(crate) fn estimate(&self, step: u32, phase: Phase, question: &Question) -> Option<Estimate> {
        let values = self.values(step, phase, question).into_iter();
        Estimate::of(&once(values.map(|(seeds, value)| (self.trace(seeds, step, phase), value))))
    }

    /// The seeds that can have influenced the trial by this moment: of network, injury and data. Trials with equal values are copies
    /// of each other and count once: shams that differ in the injury alone, or given weights before anything was learned.
    pub(crate) fn trace(&self, seeds: TrialSeeds, step: u32, phase: Phase) -> Trace {
        let own = step > self.origin;
        let injured = step > 0 && self.inherits_loss || own && !self.is_sham();
        let lesson = self.outcome == Phase::Treated && (step > self.origin + 1 || phase == Phase::Treated);
        let retrained = step > 0 && self.inherits_lessons || own && lesson;
        (seeds.network, injured.then_some(seeds.injury), (!self.untaught || retrained).then_some(seeds.data))
    }

    /// The phase a step's outcome is read in; step 0 is healthy, and the one a branch begins after has its own.
    pub(crate) fn outcome_at(&self, step: u32) -> Phase {
        match self.beginning() {
            _ if step == 0 => Phase::Healthy,
            (origin, phase) if step == origin => phase,
            _ => self.outcome,
        }
    }
}

/// The records of a trial that are not copies of those of the arm it branched from: healthy, and its own steps.
pub(crate) fn own(trial: &TrialRecords) -> impl Iterator<Item = &Record> {
    trial.records.iter().filter(|record| record.step == 0 || record.step > trial.inherited)
}

/// See [`Arm::trace`].
pub(crate) type Trace = (Seed, Option<Seed>, Option<Seed>);

/// The values, one of each trace: what is the same must not count twice.
pub(crate) fn once<K: Ord, T>(values: impl Iterator<Item = (K, T)>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    values.filter_map(|(trace, value)| seen.insert(trace).then_some(value)).collect()
}

impl Question {
    /// Of the whole network.
    pub(crate) fn of_all(measure: &str) -> Self {
        Self { measure: measure.to_owned(), layer: String::new(), class: String::new() }
    }

    /// Of one class.
    pub(crate) fn of_class(measure: &str, class: &str) -> Self {
        Self { class: class.to_owned(), ..Self::of_all(measure) }
    }

    /// How many of the probe images it is asked of.
    pub(crate) fn images(&self, probe_per_class: &[usize]) -> usize {
        let most = self.measure.rsplit_once("_per_class_").and_then(|(_, most)| most.parse().ok()).unwrap_or(usize::MAX);
        probe_per_class.iter().map(|&images| images.min(most)).sum()
    }

    /// The answer in this record, if it is a number.
    pub(crate) fn of(&self, record: &Record) -> Option<f64> {
        let asked = |r: &&Reading| r.measure == self.measure && r.layer == self.layer && r.class == self.class;
        record.readings.iter().find(asked)?.value.filter(|value| value.is_finite())
    }
}

fn readings(evidence: &Evidence) -> impl Iterator<Item = &Reading> {
    evidence.trials.iter().flat_map(|trial| &trial.records).flat_map(|record| &record.readings)
}

fn accuracy(evidence: &Evidence) -> Option<Question> {
    let read = |measure: &&str| readings(evidence).any(|reading| reading.measure == **measure);
    let measure = ["mean_class_accuracy", "accuracy"].into_iter().find(read)?;
    Some(Question::of_all(measure))
}

/// One question for each layer: tau-b where it was asked, as the paper did, else the first rank correlation met.
fn similarities(evidence: &Evidence) -> Vec<Question> {
    let similar: Vec<_> = readings(evidence).filter(|reading| reading.measure.starts_with("rdm_similarity_")).collect();
    let Some(first) = similar.first() else { return Vec::new() };
    let tau_b = similar.iter().find(|reading| reading.measure == "rdm_similarity_tau_b");
    let measure = &tau_b.unwrap_or(first).measure;
    let mut layers: Vec<&str> = Vec::new();
    for reading in similar.iter().filter(|reading| reading.measure == *measure) {
        if !layers.contains(&reading.layer.as_str()) {
            layers.push(&reading.layer);
        }
    }
    layers.sort_by_key(|layer| *layer != "penultimate"); // stable: the others keep their order
    layers.into_iter().map(|layer| Question { layer: layer.to_owned(), ..Question::of_all(measure) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn mean_class_accuracy_comes_before_accuracy_and_penultimate_before_other_layers() {
        let mut evidence = example::evidence(2, 2);
        let view = View::new(&evidence);
        assert_eq!(view.accuracy.as_ref().unwrap().measure, "mean_class_accuracy");
        assert_eq!(view.similarities.iter().map(|q| q.layer.as_str()).collect::<Vec<_>>(), ["penultimate", "block3"]);

        example::forget(&mut evidence, "mean_class_accuracy");
        example::forget(&mut evidence, "rdm_similarity_tau_b");
        let view = View::new(&evidence);
        assert_eq!(view.accuracy.as_ref().unwrap().measure, "accuracy");
        assert!(view.similarities.is_empty());
    }

    #[test]
    fn given_weights_that_are_not_trained_are_one_network() {
        let mut evidence = example::evidence(3, 1);
        evidence.trials.iter_mut().for_each(|trial| trial.seeds.network = Seed(1));
        let networks = |evidence: &Evidence| {
            let view = View::new(evidence);
            view.healthy(view.accuracy.as_ref().unwrap()).len()
        };
        assert_eq!(networks(&evidence), 3, "each has learned the images in another order");
        evidence.study.schooling.epochs = 0;
        assert_eq!(networks(&evidence), 1);
        evidence.trials.iter_mut().for_each(|trial| trial.seeds.injury = Seed(1));
        let view = View::new(&evidence);
        let n = |arm: usize, phase| view.arms[arm].estimate(1, phase, &example::accuracy()).unwrap().n;
        assert_eq!([n(0, Phase::Injured), n(1, Phase::Injured), n(0, Phase::Treated), n(2, Phase::Treated)], [1, 1, 3, 3]);
    }

    #[test]
    fn an_answer_rests_on_its_own_number_of_images() {
        let images = |measure: &str| Question::of_all(measure).images(&[100, 30]);
        assert_eq!([images("rdm_similarity_tau_b"), images("rdm_similarity_tau_b_per_class_50")], [130, 80]);
    }

    #[test]
    fn a_sham_stands_at_the_loss_of_its_partners_step_and_nowhere_beyond_it() {
        let mut evidence = example::evidence(1, 4);
        evidence.trials[0].records.retain(|record| record.step <= 3);
        let view = View::new(&evidence);
        let sham = &view.arms[2];
        assert!(sham.is_sham() && !view.arms[0].is_sham());
        assert_eq!(view.place(sham, 0), Some(0.0));
        assert_eq!(view.place(sham, 3), view.arms[0].lost(3));
        assert_eq!(view.place(sham, 4), None);
    }

    #[test]
    fn a_subject_counts_once_however_many_injuries_it_gets() {
        let mut evidence = example::evidence(3, 2);
        assert_eq!(View::new(&evidence).healthy(&example::accuracy()).len(), 3);
        for trial in &mut evidence.trials {
            trial.seeds.network = Seed(1);
            trial.seeds.data = Seed(1);
        }
        let view = View::new(&evidence);
        assert_eq!(view.healthy(&example::accuracy()).len(), 1);
        assert_eq!(view.arms[0].estimate(0, Phase::Healthy, &example::accuracy()).unwrap().n, 1);
        assert_eq!(view.arms[0].estimate(1, Phase::Treated, &example::accuracy()).unwrap().n, 3);
        assert_eq!(
            view.arms[2].estimate(1, Phase::Treated, &example::accuracy()).unwrap().n,
            1,
            "a sham has no injury to differ in"
        );
    }

    /// What an arm does is said by its plan: an injury so small that nothing was lost yet is none the less an injury.
    #[test]
    fn a_sham_is_a_sham_by_its_plan() {
        let mut evidence = example::evidence(3, 2);
        for trial in &mut evidence.trials {
            trial.seeds.network = Seed(1);
            trial.seeds.data = Seed(1);
            trial.records.iter_mut().for_each(|record| record.fraction_lost = 0.0);
        }
        let view = View::new(&evidence);
        assert_eq!(view.arms.iter().map(Arm::is_sham).collect::<Vec<_>>(), [false, false, true]);
        let n = |arm: usize| view.arms[arm].estimate(2, view.arms[arm].outcome, &example::accuracy()).unwrap().n;
        assert_eq!([n(0), n(1), n(2)], [3, 3, 1]);
    }

    /// Recovery: no more is lost after a lesion, so the branch stands at the loss it began with.
    #[test]
    fn a_branch_without_injury_stands_at_its_own_loss() {
        let mut evidence = example::of_a_branch(2, 8, 5, 3);
        evidence.study.arms[3].injury = Injury::None;
        for trial in &mut evidence.trials[6..] {
            let lost = trial.records.iter().find(|record| record.step == 5).map(|record| record.fraction_lost);
            trial.records.iter_mut().filter(|r| r.step > 5).for_each(|r| r.fraction_lost = lost.unwrap_or(r.fraction_lost));
        }
        let view = View::new(&evidence);
        let branch = &view.arms[3];
        assert!(branch.is_sham() && !branch.is_whole());
        assert_eq!([5, 6, 8].map(|step| view.place(branch, step)), [view.arms[0].lost(5); 3]);
        assert_eq!(view.partner().unwrap().name(), "retrained");
    }

    #[test]
    fn a_branch_has_been_influenced_by_what_came_before_it() {
        let evidence = example::of_a_branch(2, 8, 5, 3);
        let seeds = TrialSeeds { network: Seed(1), injury: Seed(2), data: Seed(3) };
        let traced = |untaught: bool, plain: bool| {
            let mut evidence = evidence.clone();
            if untaught {
                evidence.study.schooling.epochs = 0;
            }
            if plain {
                evidence.study.arms[3].injury = Injury::None;
            }
            let view = View::new(&evidence);
            let branch = &view.arms[3];
            assert_eq!(branch.outcome, Phase::Injured, "it has no lesson of its own");
            [(0, Phase::Healthy), branch.beginning(), (6, Phase::Injured)].map(|(step, phase)| branch.trace(seeds, step, phase))
        };
        let all = (Seed(1), Some(Seed(2)), Some(Seed(3)));
        assert_eq!(traced(true, false), [(Seed(1), None, None), all, all], "the ancestor learned, and was injured");
        assert_eq!(traced(true, true)[1..], [all, all]);
        let mut sham = evidence.clone();
        sham.study.schooling.epochs = 0;
        for trial in sham.trials.iter_mut().filter(|trial| trial.arm == "branch") {
            trial.records.retain(|record| record.step > 5 || record.phase != Phase::Injured);
        }
        let view = View::new(&sham);
        assert_eq!(view.arms[3].trace(seeds, 5, Phase::Treated), (Seed(1), None, Some(Seed(3))), "branched from a sham");
        assert_eq!(view.arms[3].trace(seeds, 6, Phase::Injured), all, "and then injured");
    }
}

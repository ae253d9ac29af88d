//! A case: what is committed of one subject's schooling or of one trial.
//!
//! `case.json` is its index. It names all other files of the case with their checksums; what it does not name does not exist. A case
//! is not a list of steps that were ticked off, but a set of facts: checkpoints and readings. What is left to do is what is wanted
//! and not there, so a study that grows finds its way by itself.

use std::collections::BTreeSet;

use neuro::course::{Course, Moment};
use neuro::measure::Measure;
use neuro::record::{EpochRecord, Failure, Maker, Phase};
use neuro::study::ProbeImages;
use serde::{Deserialize, Serialize};

use crate::FORMAT;
use crate::spec::{CaseKey, CaseSpec};

/// What `case.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Version of the stored format.
    pub format: u32,
    /// Its name by content: the hash of `spec`.
    pub key: CaseKey,
    /// All that its numbers depend on.
    pub spec: CaseSpec,
    /// Steps of its course that were ever done.
    pub done: u64,
    /// The checkpoints that are kept, in order.
    pub states: Vec<State>,
    /// The sets of questions that readings answer.
    pub asked: Vec<Questions>,
    /// The readings, in the order of their moments.
    pub readings: Vec<ReadingFiles>,
    /// The epochs so far, in order.
    pub epochs: Vec<EpochRecord>,
    /// Who computed, each from so many steps on.
    pub makers: Vec<Made>,
    /// Why it goes no further, if its network failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A checkpoint: the network after so many steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Number of steps.
    pub after: u64,
    /// The file.
    pub file: FileRef,
}

/// A file of a case, and what must be in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// Its place in the case's folder, with `/` between folders.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// What a network is asked when it is read: which images it is shown, where it is tapped, and what is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Questions {
    /// SHA-256 of the test images.
    pub images: String,
    /// Names of the classes, as readings name them.
    pub classes: Vec<String>,
    /// Which of the images representations are read on.
    pub probe: ProbeImages,
    /// The taps.
    pub layers: Vec<String>,
    /// The measures.
    pub measures: Vec<Measure>,
}

/// The files of one reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingFiles {
    /// Number of steps of the course so far; 0 is healthy.
    pub step: u32,
    /// When in the step.
    pub phase: Phase,
    /// What it answers: index into `asked`.
    pub asked: usize,
    /// Who read it: index into `makers`.
    pub maker: usize,
    /// `record.json` first, then `predictions.npy` and what else there is.
    pub files: Vec<FileRef>,
}

/// Who computed, from where on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Number of steps done before.
    pub after: u64,
    /// Who.
    pub maker: Maker,
    /// Whether the network was changed, or only read.
    pub changed: bool,
}

/// What a study wants of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its steps.
    pub course: Course,
    /// What is asked at each reading.
    pub questions: Questions,
    /// After which steps the checkpoint must be kept, besides the last one.
    pub kept: BTreeSet<u64>,
    /// The moments of which the whole dissimilarity matrices must be kept.
    pub rdms: BTreeSet<Moment>,
    /// Whether the logits of every reading must be kept.
    pub logits: bool,
}

/// The outputs of a network, in a reading's folder.
pub(crate) const LOGITS: &str = "logits.npy";

/// The whole dissimilarity matrix of a layer, in a reading's folder.
pub(crate) fn rdm_name(layer: &str) -> String {
    format!("rdm-{layer}.npy")
}

impl FileRef {
    /// Its name without its folder.
    pub(crate) fn last_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Whether it names a file inside of the case's folder. Folders are handed from one person to another.
    pub(crate) fn stays_inside(&self) -> bool {
        is_inside(&self.name)
    }
}

/// Whether a path that a file names leads nowhere but down.
pub(crate) fn is_inside(name: &str) -> bool {
    !name.is_empty() && !name.contains(['\\', ':']) && name.split('/').all(|part| !["", ".", ".."].contains(&part))
}

impl Questions {
    /// Whether a reading that answers these answers the others as well.
    pub fn cover(&self, others: &Questions) -> bool {
        self.same_images(others)
            && others.layers.iter().all(|layer| self.layers.contains(layer))
            && others.measures.iter().all(|measure| self.measures.contains(measure))
    }

    /// Whether both are asked of the same images.
    pub fn same_images(&self, others: &Questions) -> bool {
        self.images == others.images && self.classes == others.classes && self.probe == others.probe
    }
}

impl Wanted {
    /// The files that must be kept of the reading of a moment, besides those that every reading has.
    fn files(&self, moment: Moment) -> Vec<String> {
        let rdms = self.questions.layers.iter().filter(|_| self.rdms.contains(&moment)).map(|layer| rdm_name(layer));
        rdms.chain(self.logits.then(|| LOGITS.to_owned())).collect()
    }
}

impl ReadingFiles {
    /// Its file of this name.
    pub(crate) fn file(&self, name: &str) -> Option<&FileRef> {
        self.files.iter().find(|file| file.last_name() == name)
    }
}

impl Case {
    /// A case of which nothing is done.
    pub fn begun(spec: CaseSpec) -> Self {
        Self {
            format: FORMAT,
            key: spec.key(),
            spec,
            done: 0,
            states: Vec::new(),
            asked: Vec::new(),
            readings: Vec::new(),
            epochs: Vec::new(),
            makers: Vec::new(),
            failure: None,
        }
    }

    /// After how many steps the network is needed next for something that is wanted and not there; none if all is there.
    pub fn missing(&self, wanted: &Wanted) -> Option<u64> {
        let steps = wanted.course.steps();
        let unread = wanted.course.moments().find(|(_, moment)| !self.is_read(*moment, wanted));
        let unkept = wanted.kept.iter().copied().filter(|after| *after <= steps).find(|after| self.state(*after).is_none());
        // the last checkpoint, from which the course could go on
        let last = wanted.course.last_change(self.done.min(steps));
        let lost = (last > 0 && self.state(last).is_none() && self.done <= steps).then_some(last);
        let undone = (self.done < steps).then_some(self.done);
        [unread.map(|(before, _)| before), unkept, lost, undone].into_iter().flatten().min()
    }

    /// Whether all that a study wants is there.
    pub fn is_done(&self, wanted: &Wanted) -> bool {
        self.missing(wanted).is_none()
    }

    /// Whether all that is wanted of a moment is there: the answers to all questions, and the files that must be kept of it. Logits are not
    /// owed where the case was begun before there were any.
    pub fn is_read(&self, moment: Moment, wanted: &Wanted) -> bool {
        let readings = self.readings_of(moment);
        let asked = |reading: &ReadingFiles| self.asked.get(reading.asked);
        let is_kept = |name: &String| {
            let of_images = |reading: &&ReadingFiles| asked(reading).is_some_and(|asked| asked.same_images(&wanted.questions));
            readings.iter().filter(of_images).any(|reading| reading.file(name).is_some()) || (self.format < 3 && name == LOGITS)
        };
        readings.iter().any(|reading| asked(reading).is_some_and(|asked| asked.cover(&wanted.questions)))
            && wanted.files(moment).iter().all(is_kept)
    }

    /// The readings of a moment: several, if the study asked for other things before.
    fn readings_of(&self, moment: Moment) -> &[ReadingFiles] {
        // they are in the order of their moments
        let at = |reading: &ReadingFiles| (reading.step, reading.phase);
        let first = self.readings.partition_point(|reading| at(reading) < (moment.stage, moment.phase));
        let behind = self.readings.partition_point(|reading| at(reading) <= (moment.stage, moment.phase));
        &self.readings[first..behind]
    }

    /// Whether every reading that a study wants is there.
    pub fn has_all_readings(&self, wanted: &Wanted) -> bool {
        wanted.course.moments().all(|(_, moment)| self.is_read(moment, wanted))
    }

    /// The checkpoint after so many steps.
    pub fn state(&self, after: u64) -> Option<&State> {
        self.states.iter().find(|state| state.after == after)
    }

    /// The checkpoint from which the network after so many steps is reached soonest; none is how the case begins.
    pub fn nearest_state(&self, after: u64) -> Option<&State> {
        self.states.iter().filter(|state| state.after <= after).max_by_key(|state| state.after)
    }

    /// Epochs to learn and readings to make until all that is wanted is there.
    pub fn work_left(&self, wanted: &Wanted) -> (u64, u64) {
        let course = &wanted.course;
        let unread = course.moments().filter(|(_, moment)| !self.is_read(*moment, wanted)).count() as u64;
        let mut epochs = 0;
        let mut at = 0;
        let mut known = self.clone();
        // from one missing thing to the next, each from the nearest checkpoint
        while let Some(next) = known.missing(wanted) {
            let from = known.nearest_state(next).map_or(0, |state| state.after).max(at);
            let goal = if next == known.done { course.steps() } else { next };
            epochs += course.left(from).0 - course.left(goal).0;
            at = goal;
            known.suppose_done(goal, wanted);
        }
        (epochs, unread)
    }

    /// For counting ahead: as if everything up to these steps were there.
    fn suppose_done(&mut self, goal: u64, wanted: &Wanted) {
        let named = |name: String| FileRef { name, sha256: String::new() };
        self.done = self.done.max(goal);
        let last = wanted.course.last_change(goal);
        let kept = wanted.kept.iter().copied().filter(|after| *after <= goal).chain([last, wanted.course.last_change(self.done)]);
        for after in kept.filter(|after| *after > 0) {
            if self.state(after).is_none() {
                self.states.push(State { after, file: named(String::new()) });
            }
        }
        self.asked.push(wanted.questions.clone());
        let asked = self.asked.len() - 1;
        for (before, moment) in wanted.course.moments() {
            if before <= goal && !self.is_read(moment, wanted) {
                let files = wanted.files(moment).into_iter().map(named).collect();
                self.readings.push(ReadingFiles { step: moment.stage, phase: moment.phase, asked, maker: 0, files });
                self.readings.sort_by_key(|reading| (reading.step, reading.phase));
            }
        }
    }

    /// All files that the case names.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        let states = self.states.iter().map(|state| &state.file);
        states.chain(self.readings.iter().flat_map(|reading| &reading.files))
    }

    /// Who changed the network, in order.
    pub fn changed_by(&self) -> impl Iterator<Item = &Maker> {
        self.makers.iter().filter(|made| made.changed).map(|made| &made.maker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::subject;

    fn questions(measures: &str, layers: &[&str]) -> Questions {
        Questions {
            images: "test".to_owned(),
            classes: vec!["cat".to_owned(), "dog".to_owned()],
            probe: ProbeImages::All,
            layers: layers.iter().map(|&layer| layer.to_owned()).collect(),
            measures: serde_json::from_str(measures).unwrap(),
        }
    }

    /// Three stages of loss, reading, two epochs, reading: steps 0 to 14.
    fn wanted() -> Wanted {
        let mut spec = subject();
        spec.start = crate::spec::Start::Case { key: subject().key(), step: 0 };
        spec.injury =
            serde_json::from_str(r#"{"ablation": {"fraction": 0.2, "of": "remaining", "scope": "per-layer"}}"#).unwrap();
        Wanted {
            course: spec.course(3),
            questions: questions(r#"["accuracy"]"#, &["fc1"]),
            kept: BTreeSet::new(),
            rdms: BTreeSet::new(),
            logits: false,
        }
    }

    fn finished(wanted: &Wanted) -> Case {
        let mut case = Case::begun(subject());
        case.suppose_done(wanted.course.steps(), wanted);
        assert_eq!(case.missing(wanted), None);
        case
    }

    #[test]
    fn a_case_begins_at_its_beginning_and_goes_on_where_it_is() {
        let wanted = wanted();
        let mut case = Case::begun(subject());
        assert_eq!((case.missing(&wanted), case.work_left(&wanted)), (Some(0), (6, 6)));
        case.suppose_done(3, &wanted); // a loss, a reading, an epoch
        assert_eq!((case.missing(&wanted), case.work_left(&wanted)), (Some(3), (5, 5)));
        assert_eq!(case.nearest_state(3).unwrap().after, 3);
    }

    #[test]
    fn more_steps_go_on_from_the_last_checkpoint() {
        let wanted = wanted();
        let case = finished(&wanted);
        let mut more = wanted.clone();
        more.course.stages = 1..=5;
        assert_eq!((case.missing(&more), case.work_left(&more)), (Some(15), (4, 4)));
        assert_eq!(case.nearest_state(15).unwrap().after, 14);
        let mut fewer = wanted.clone();
        fewer.course.stages = 1..=2;
        assert!(case.is_done(&fewer));
    }

    #[test]
    fn a_new_measure_needs_the_kept_checkpoints_alone() {
        let wanted = wanted();
        let mut asks_more = Wanted { questions: questions(r#"["accuracy", "loss"]"#, &["fc1"]), ..wanted.clone() };
        let case = finished(&wanted);
        assert_eq!(case.missing(&asks_more), Some(1), "the first reading");
        assert_eq!(case.work_left(&asks_more), (4, 6), "nothing was kept but the end: all before it is learned again");
        // every checkpoint behind a reading was kept
        let kept: BTreeSet<u64> = wanted.course.moments().map(|(before, _)| wanted.course.last_change(before)).collect();
        asks_more.kept = kept.clone();
        let case = finished(&Wanted { kept, ..wanted });
        assert_eq!(case.work_left(&asks_more), (0, 6), "nothing is learned");
    }

    #[test]
    fn a_checkpoint_that_is_wanted_later_is_made_again() {
        let wanted = wanted();
        let case = finished(&wanted);
        let branch = Wanted { kept: BTreeSet::from([wanted.course.last_change(10)]), ..wanted };
        assert_eq!(case.missing(&branch), Some(9));
        assert_eq!(case.work_left(&branch), (4, 0), "two stages of two epochs");
    }

    #[test]
    fn matrices_and_logits_that_are_wanted_later_are_missing() {
        let wanted = wanted();
        let mut case = finished(&wanted);
        let moments: Vec<(u64, Moment)> = wanted.course.moments().collect();
        let (before, moment) = moments[3];
        let rdms = Wanted { rdms: BTreeSet::from([moment]), ..wanted.clone() };
        assert_eq!((case.missing(&rdms), case.work_left(&rdms)), (Some(before), (4, 1)), "of two stages, each of two epochs");
        let logits = Wanted { logits: true, ..wanted.clone() };
        assert_eq!((case.missing(&logits), case.work_left(&logits).1), (Some(moments[0].0), 6));
        case.format = 2;
        assert!(case.is_done(&logits), "a case that was begun before there were logits owes none");
        // what is kept is found wherever it was kept, as long as it is of the same images
        let mut kept =
            case.readings.iter().find(|reading| (reading.step, reading.phase) == (moment.stage, moment.phase)).unwrap().clone();
        kept.files.push(FileRef { name: "readings/elsewhere~2/rdm-fc1.npy".to_owned(), sha256: String::new() });
        kept.asked = case.asked.len();
        case.asked.push(questions(r#"["loss"]"#, &["fc1"]));
        case.readings.push(kept);
        case.readings.sort_by_key(|reading| (reading.step, reading.phase));
        assert!(case.is_done(&rdms));
        case.asked.last_mut().unwrap().images = "other images".to_owned();
        assert!(!case.is_done(&rdms));
    }

    #[test]
    fn questions_cover_what_they_contain() {
        let both = questions(r#"["accuracy", "confusion"]"#, &["fc2", "fc1"]);
        let one = questions(r#"["confusion"]"#, &["fc1"]);
        assert!(both.cover(&one) && !one.cover(&both) && both.cover(&both));
        let fewer = Questions { probe: ProbeImages::PerClass(std::num::NonZeroU32::MIN), ..both.clone() };
        assert!(!fewer.cover(&one) && !fewer.same_images(&one));
    }
}

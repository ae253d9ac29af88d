//! Where arms begin: with the healthy network, or after a step of another arm; and which networks are kept for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::architecture::Architecture;
use crate::course::{Course, Moment};
use crate::lesion::Tally;
use crate::study::{Keep, Study};

impl Study {
    /// For each arm, by their numbers, the arm of this study that it starts from. None if it starts with the healthy network, or from
    /// another study, or from an arm that is not there.
    pub fn parents(&self) -> Vec<Option<usize>> {
        let numbers: BTreeMap<&str, usize> = self.arms.iter().enumerate().map(|(i, arm)| (arm.name.as_str(), i)).collect();
        let parent = |start: &crate::study::Start| match start.study {
            None => numbers.get(start.arm.as_str()).copied(),
            Some(_) => None,
        };
        self.arms.iter().map(|arm| arm.start.as_ref().and_then(parent)).collect()
    }

    /// The course of each arm.
    pub fn courses(&self) -> Vec<Course> {
        self.arms.iter().map(|arm| Course::of_arm(arm, &self.schooling)).collect()
    }

    /// The lesion that each arm begins with, in numbers; none if that is not known here, since it begins with the network of another study.
    /// Costs a walk over all steps before a branch.
    pub fn beginnings(&self, architecture: &Architecture) -> Vec<Option<Tally>> {
        let parents = self.parents();
        let mut found: Vec<Option<Option<Tally>>> = vec![None; self.arms.len()];
        for first in 0..self.arms.len() {
            // the arm itself, then the one it starts from, and so on up to one that is known or has none
            let mut way = vec![first];
            while let Some(&last) = way.last()
                && way.len() <= self.arms.len() // a study that was not checked may go round in a circle
                && found[last].is_none()
                && let Some(parent) = parents[last]
            {
                way.push(parent);
            }
            for arm in way.into_iter().rev() {
                if found[arm].is_none() {
                    found[arm] = Some(self.beginning(arm, parents[arm].map(|parent| (parent, &found)), architecture));
                }
            }
        }
        found.into_iter().map(Option::flatten).collect()
    }

    fn beginning(
        &self,
        arm: usize,
        parent: Option<(usize, &Vec<Option<Option<Tally>>>)>,
        architecture: &Architecture,
    ) -> Option<Tally> {
        let Some(start) = &self.arms[arm].start else { return Some(Tally::none(architecture)) };
        let (parent, found) = parent?;
        let mut tally = found[parent].as_ref()?.clone()?;
        let before = self.arms[parent].start.as_ref().map_or(0, |start| start.step.get());
        self.arms[parent].injury.count(&mut tally, start.step.get().saturating_sub(before), |_| {});
        Some(tally)
    }

    /// After how many steps of its course each arm must keep its network: what `keep` asks for, and where other arms of this study start.
    /// The last network of a course stays in any case, and is listed only where it is asked for as well.
    pub fn kept(&self) -> Vec<BTreeSet<u64>> {
        let courses = self.courses();
        let mut branches = vec![BTreeSet::new(); self.arms.len()];
        for (arm, parent) in self.arms.iter().zip(self.parents()) {
            if let (Some(start), Some(parent)) = (&arm.start, parent) {
                branches[parent].extend(courses[parent].end_of(start.step.get()));
            }
        }
        let kept = |(course, branches): (&Course, BTreeSet<u64>)| {
            let asked: Vec<u64> = match &self.keep {
                Keep::Last => Vec::new(),
                Keep::EveryReading => course.moments().map(|(before, _)| before).collect(),
                Keep::Steps(stages) => stages.iter().filter_map(|stage| course.end_of(*stage)).collect(),
            };
            let ends = asked.into_iter().chain(branches);
            ends.map(|done| course.last_change(done)).filter(|after| *after > 0).collect()
        };
        courses.iter().zip(branches).map(kept).collect()
    }

    /// The readings of a course whose whole dissimilarity matrices are kept.
    pub fn kept_rdms(&self, course: &Course) -> BTreeSet<Moment> {
        course.moments().map(|(_, moment)| moment).filter(|moment| self.keep_rdms.includes(moment.stage)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arms a (5 steps), b (after step 2 of a, 4 steps), c (after step 4 of b), d (of another study), listed in another order.
    fn study(keep: &serde_json::Value) -> Study {
        let ablation = |f: f64| serde_json::json!({"ablation": {"fraction": f, "of": "original", "scope": "whole-network"}});
        serde_json::from_value(serde_json::json!({
            "question": "?", "seeds": {"first": 1, "count": 1}, "network": {"tiny": {"batch_norm": true, "head": []}},
            "stimuli": {"shapes": {"train": 10, "test": 10}}, "probe": {"images": "all", "layers": []}, "measures": ["accuracy"],
            "keep": keep, "schooling": {"epochs": 1, "batch": 10, "rate": 0.1, "momentum": 0.9, "decay": 0},
            "arm": [
                {"name": "c", "start": {"arm": "b", "step": 4}, "steps": 1, "injury": ablation(0.1), "plasticity": "none"},
                {"name": "a", "steps": 5, "injury": ablation(0.1), "plasticity": "none"},
                {"name": "b", "start": {"arm": "a", "step": 2}, "steps": 4, "injury": ablation(0.2), "plasticity": {"retrain": {"epochs": 1}}},
                {"name": "d", "start": {"study": "x", "arm": "a", "step": 2}, "steps": 4, "injury": ablation(0.2), "plasticity": "none"},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn an_arm_begins_with_all_that_was_lost_before_it() {
        let study = study(&"last".into());
        assert_eq!(study.parents(), [Some(2), None, Some(1), None]);
        let shape = crate::images::Shape { channels: 3, height: 8, width: 8 };
        let network = study.network.architecture(shape, 10).unwrap();
        let lost: Vec<_> =
            study.beginnings(&network).iter().map(|t| t.as_ref().map(|t| (t.fraction_lost() * 100.0).round())).collect();
        assert_eq!(lost, [Some(60.0), Some(0.0), Some(20.0), None], "two steps of a tenth, then two of a fifth");
    }

    #[test]
    fn arms_that_go_round_in_a_circle_begin_nowhere() {
        let mut study = study(&"last".into());
        study.arms[1].start = serde_json::from_str(r#"{"arm": "c", "step": 1}"#).unwrap();
        let shape = crate::images::Shape { channels: 3, height: 8, width: 8 };
        let network = study.network.architecture(shape, 10).unwrap();
        assert_eq!(study.beginnings(&network), [None, None, None, None]);
    }

    #[test]
    fn matrices_are_kept_of_both_readings_of_a_step() {
        let mut study = study(&"last".into());
        let kept = |study: &Study| {
            let of =
                |course: &Course| study.kept_rdms(course).iter().map(|m| format!("{} {}", m.stage, m.phase)).collect::<Vec<_>>();
            [of(&Course::of_schooling(&study.schooling)), of(&study.courses()[1]), of(&study.courses()[2])]
                .map(|moments| moments.join(", "))
        };
        assert_eq!(kept(&study), ["", "", ""]);
        study.keep_rdms = crate::study::KeepRdms::Steps(vec![0, 3, 5]);
        assert_eq!(kept(&study), ["0 healthy", "3 injured, 5 injured", "3 injured, 3 treated, 5 injured, 5 treated"]);
        study.keep_rdms = crate::study::KeepRdms::EveryReading;
        assert_eq!(kept(&study).map(|moments| moments.split(", ").count()), [1, 5, 8]);
    }

    #[test]
    fn what_is_kept_is_what_is_asked_for_and_where_others_start() {
        let kept = |keep: serde_json::Value| {
            study(&keep).kept().into_iter().map(|kept| kept.into_iter().collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        // a loses and is read, 2 steps a stage; b learns for an epoch besides, 4 steps a stage
        assert_eq!(kept("last".into()), [vec![], vec![3], vec![7], vec![]]);
        assert_eq!(kept(serde_json::json!([5])), [vec![1], vec![3, 9], vec![7, 11], vec![5]]);
        assert_eq!(
            kept("every-reading".into()),
            [vec![1], vec![1, 3, 5, 7, 9], vec![1, 3, 5, 7, 9, 11, 13, 15], vec![1, 3, 5, 7]]
        );
    }
}

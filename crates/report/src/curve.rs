//! The numbers behind a line of a figure.

use neuro::record::{Phase, TrialRecords};
use neuro::statistics::Estimate;

use crate::view::{Arm, Question, View};

/// One arm read in one phase, against synapses lost.
#[derive(Debug)]
pub(crate) struct Curve {
    /// Which arm.
    pub(crate) arm: usize,
    /// When in each step.
    pub(crate) phase: Phase,
    /// Whether it stands at its partner's losses, having none of its own.
    pub(crate) placed: bool,
    /// Number of the step after which it begins; 0 is healthy.
    pub(crate) origin: u32,
    /// Means over seeds, in the order of the steps; the first is where it begins: healthy, or the end of the step branched from.
    pub(crate) points: Vec<Point>,
    /// Each seed's own line: (lost, value).
    pub(crate) seeds: Vec<Vec<(f64, Option<f64>)>>,
}

/// A mean over seeds.
#[derive(Debug)]
pub(crate) struct Point {
    /// Number of steps so far.
    pub(crate) step: u32,
    /// Share of synapses lost.
    pub(crate) lost: f64,
    /// None where no seed has a defined value.
    pub(crate) estimate: Option<Estimate>,
}

impl Curve {
    /// Number of seeds of each mean after the one it begins with; of that one if there is no other.
    pub(crate) fn seeds_per_point(&self) -> Vec<usize> {
        let n = |keep: &dyn Fn(&&Point) -> bool| -> Vec<usize> {
            self.points.iter().filter(keep).filter_map(|point| Some(point.estimate?.n)).collect()
        };
        let steps = n(&|point| point.step > self.origin);
        if steps.is_empty() { n(&|_| true) } else { steps }
    }
}

/// All lines of a figure: for each arm begun its outcome, and where it is treated also what the injury left before
/// the lesson.
pub(crate) fn curves(view: &View<'_>, question: &Question) -> Vec<Curve> {
    let phases = [Phase::Treated, Phase::Injured];
    let each = view.begun().flat_map(|arm| phases.map(|phase| curve(view, arm, phase, question)));
    each.flatten().filter(|curve| curve.points.iter().any(|point| point.estimate.is_some())).collect()
}

fn curve(view: &View<'_>, arm: &Arm<'_>, phase: Phase, question: &Question) -> Option<Curve> {
    let steps = arm.steps_read(phase);
    if steps.is_empty() && phase != arm.outcome {
        return None;
    }
    let (origin, begins) = arm.beginning();
    let at = |step| if step == origin { begins } else { phase };
    let point = |step| Some(Point { step, lost: view.place(arm, step)?, estimate: arm.estimate(step, at(step), question) });
    let points = std::iter::once(origin).chain(steps).filter_map(point).collect();
    let seeds = arm.trials.iter().map(|trial| seed_line(view, arm, trial, phase, question)).collect();
    Some(Curve { arm: arm.index, phase, placed: arm.is_whole(), origin, points, seeds })
}

fn seed_line(view: &View<'_>, arm: &Arm<'_>, trial: &TrialRecords, phase: Phase, question: &Question) -> Vec<(f64, Option<f64>)> {
    let begins = arm.beginning();
    let records = trial
        .records
        .iter()
        .filter(|record| record.step > begins.0 && record.phase == phase || (record.step, record.phase) == begins);
    records
        .filter_map(|record| {
            let lost = if arm.is_whole() { view.place(arm, record.step)? } else { record.fraction_lost };
            Some((lost, question.of(record)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn names(curves: &[Curve]) -> Vec<(usize, Phase)> {
        curves.iter().map(|curve| (curve.arm, curve.phase)).collect()
    }

    #[test]
    fn a_treated_arm_has_two_lines_an_untreated_or_sham_arm_one() {
        let evidence = example::evidence(3, 5);
        let curves = curves(&View::new(&evidence), &example::accuracy());
        assert_eq!(names(&curves), [(0, Phase::Treated), (0, Phase::Injured), (1, Phase::Injured), (2, Phase::Treated)]);
        assert_eq!(curves.iter().map(|curve| curve.placed).collect::<Vec<_>>(), [false, false, false, true]);
    }

    /// The numbers drawn are those of the records: recomputed here from the readings themselves.
    #[test]
    fn means_are_over_the_seeds_at_counted_losses() {
        let evidence = example::evidence(3, 5);
        let curves = curves(&View::new(&evidence), &example::accuracy());
        let treated = &curves[0];
        assert_eq!(treated.points.iter().map(|point| point.step).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        let lost: Vec<f64> = treated.points.iter().map(|point| (point.lost * 1000.0).round() / 10.0).collect();
        assert_eq!(lost, [0.0, 20.0, 36.0, 48.8, 59.0, 67.2]);

        let values: Vec<f64> = evidence.trials[..3]
            .iter()
            .map(|trial| trial.records.iter().find(|r| r.step == 4 && r.phase == Phase::Treated).unwrap())
            .map(|record| record.value("mean_class_accuracy", "").unwrap())
            .collect();
        assert_eq!(treated.points[4].estimate, Estimate::of(&values));
        assert_eq!(treated.seeds.iter().map(|line| line[4].1.unwrap()).collect::<Vec<_>>(), values);
        assert_eq!(treated.seeds_per_point(), [3; 5]);
    }

    #[test]
    fn a_sham_is_drawn_at_its_partners_losses() {
        let evidence = example::evidence(2, 3);
        let curves = curves(&View::new(&evidence), &example::accuracy());
        let places = |curve: &Curve| curve.points.iter().map(|point| point.lost).collect::<Vec<_>>();
        assert_eq!(places(&curves[3]), places(&curves[0]));
        assert!(evidence.trials[4].records.iter().all(|record| record.fraction_lost == 0.0));
    }

    #[test]
    fn an_undefined_value_is_left_out_and_lowers_n() {
        let mut evidence = example::evidence(3, 2);
        example::set(&mut evidence.trials[1], 2, Phase::Treated, "mean_class_accuracy", Some(f64::NAN));
        for trial in &mut evidence.trials[..3] {
            example::set(trial, 1, Phase::Treated, "mean_class_accuracy", None);
        }
        let curves = curves(&View::new(&evidence), &example::accuracy());
        assert!(curves[0].points[1].estimate.is_none());
        assert_eq!(curves[0].points[2].estimate.unwrap().n, 2);
        assert_eq!(curves[0].seeds[1][2].1, None);
    }

    #[test]
    fn an_arm_with_only_a_healthy_reading_is_a_point() {
        let mut evidence = example::evidence(2, 3);
        evidence.trials.truncate(1);
        evidence.trials[0].records.truncate(1);
        let curves = curves(&View::new(&evidence), &example::accuracy());
        assert_eq!(names(&curves), [(0, Phase::Treated)]);
        assert_eq!((curves[0].points.len(), curves[0].seeds_per_point()), (1, vec![1]));
    }

    #[test]
    fn a_branch_begins_where_the_step_it_branched_from_ended() {
        let evidence = example::of_a_branch(3, 8, 5, 3);
        let curves = curves(&View::new(&evidence), &example::accuracy());
        let (ancestor, branch) = (&curves[0], curves.last().unwrap());
        assert_eq!((branch.arm, branch.phase, branch.origin), (3, Phase::Injured, 5));
        assert_eq!(branch.points.iter().map(|point| point.step).collect::<Vec<_>>(), [5, 6, 7, 8]);
        assert_eq!(branch.points[0].estimate, ancestor.points[5].estimate, "treated, since that was read last");
        assert_eq!(branch.points[0].lost, ancestor.points[5].lost);
        for (line, ancestor) in branch.seeds.iter().zip(&ancestor.seeds) {
            assert_eq!((line.len(), line[0]), (4, ancestor[5]));
        }
        assert_eq!(branch.seeds_per_point(), [3; 3]);
    }
}

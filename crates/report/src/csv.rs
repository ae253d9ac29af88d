//! The numbers as files: long and tidy, one value a line, made for reading into R or pandas.

use neuro::record::Evidence;
use neuro::statistics::Estimate;

use crate::table;
use crate::view::{Question, View, own};

const RESULTS_COLUMNS: [&str; 13] = [
    "study",
    "arm",
    "network_seed",
    "injury_seed",
    "data_seed",
    "step",
    "phase",
    "fraction_lost",
    "layer",
    "measure",
    "class",
    "value",
    "n",
];
const TABLE_COLUMNS: [&str; 10] =
    ["arm", "step", "phase", "fraction_lost", "layer", "measure", "class", "mean", "half_width_95", "n"];
const COMPARISONS_COLUMNS: [&str; 10] = [
    "arm",
    "minus_arm",
    "step",
    "fraction_lost",
    "minus_fraction_lost",
    "layer",
    "measure",
    "mean_difference",
    "half_width_95",
    "n",
];

/// Every reading, one a line: trials as given, records in order, the confusions of a record after its other readings. Of an arm
/// that branches from another, only what is its own. Floats are written so that they read back as the same bits; what is not
/// defined is `NaN`.
pub fn results_csv(evidence: &Evidence) -> String {
    let mut sheet = Sheet::new(&RESULTS_COLUMNS);
    for trial in &evidence.trials {
        let seeds = [trial.seeds.network, trial.seeds.injury, trial.seeds.data].map(|seed| seed.0.to_string());
        for record in own(trial) {
            let (step, phase, lost) = (record.step.to_string(), record.phase.to_string(), float(Some(record.fraction_lost)));
            let confusions = record.confusions.iter().flat_map(|confusions| confusions.readings(&evidence.cause.classes));
            for reading in record.readings.iter().cloned().chain(confusions) {
                sheet.row(&[
                    &evidence.name,
                    &trial.arm,
                    &seeds[0],
                    &seeds[1],
                    &seeds[2],
                    &step,
                    &phase,
                    &lost,
                    &reading.layer,
                    &reading.measure,
                    &reading.class,
                    &float(reading.value),
                    &reading.n.to_string(),
                ]);
            }
        }
    }
    sheet.finish()
}

/// Means over seeds with their intervals: every arm, step and phase, and all that was asked but confusions.
pub(crate) fn table_csv(view: &View<'_>) -> String {
    let mut sheet = Sheet::new(&TABLE_COLUMNS);
    for row in table::rows(view) {
        for (question, estimate) in row.answers {
            let [mean, half_width, n] = written(&estimate);
            let (step, phase, lost) = (row.step.to_string(), row.phase.to_string(), float(Some(row.lost)));
            let Question { measure, layer, class } = &question;
            sheet.row(&[row.arm, &step, &phase, &lost, layer, measure, class, &mean, &half_width, &n]);
        }
    }
    sheet.finish()
}

/// Paired differences between arms at every step both have reached.
pub(crate) fn comparisons_csv(view: &View<'_>) -> String {
    let mut sheet = Sheet::new(&COMPARISONS_COLUMNS);
    for comparison in table::comparisons(view) {
        for at in &comparison.steps {
            let [mean, half_width, n] = written(&at.difference);
            let question = &comparison.question;
            let [lost, minus_lost] = at.lost.map(|lost| float(Some(lost.unwrap_or(0.0))));
            let step = at.step.to_string();
            sheet.row(&[
                comparison.arm,
                comparison.minus,
                &step,
                &lost,
                &minus_lost,
                &question.layer,
                &question.measure,
                &mean,
                &half_width,
                &n,
            ]);
        }
    }
    sheet.finish()
}

/// An interval that does not exist is an empty field: nothing was undefined, there was nothing to say.
fn written(estimate: &Estimate) -> [String; 3] {
    let half_width = estimate.half_width.map_or_else(String::new, |half| float(Some(half)));
    [float(Some(estimate.mean)), half_width, estimate.n.to_string()]
}

/// The shortest digits that read back as the same float.
fn float(value: Option<f64>) -> String {
    value.map_or_else(|| "NaN".to_owned(), |value| value.to_string())
}

struct Sheet(csv::Writer<Vec<u8>>);

impl Sheet {
    fn new(columns: &[&str]) -> Self {
        let mut sheet = Self(csv::Writer::from_writer(Vec::new()));
        sheet.row(columns);
        sheet
    }

    fn row(&mut self, fields: &[&str]) {
        self.0.write_record(fields).expect("memory takes every row, and all rows have the columns' number");
    }

    fn finish(self) -> String {
        let bytes = self.0.into_inner().expect("memory takes every row");
        String::from_utf8(bytes).expect("text in, text out")
    }
}

#[cfg(test)]
mod tests {
    use neuro::record::Phase;

    use super::*;
    use crate::example;

    #[test]
    fn results_are_one_value_a_line() {
        let mut evidence = example::evidence(1, 1);
        evidence.name = "a, b".to_owned();
        evidence.trials.truncate(1);
        evidence.cause.classes.truncate(2);
        for record in &mut evidence.trials[0].records {
            record.readings.retain(|r| r.class.is_empty() || ["plane", "car"].contains(&r.class.as_str()));
            record.readings.retain(|r| r.layer != "block3");
        }
        example::set(&mut evidence.trials[0], 1, Phase::Injured, "rdm_similarity_tau_b", None);
        insta::assert_snapshot!(results_csv(&evidence), @r#"
        study,arm,network_seed,injury_seed,data_seed,step,phase,fraction_lost,layer,measure,class,value,n
        "a, b",retrained,1,1,1,0,healthy,0,,accuracy,,0.9084462761878966,10000
        "a, b",retrained,1,1,1,0,healthy,0,,mean_class_accuracy,,0.9084462761878966,10
        "a, b",retrained,1,1,1,0,healthy,0,,class_accuracy,plane,0.8111156904697417,1000
        "a, b",retrained,1,1,1,0,healthy,0,,class_accuracy,car,0.8288934682475195,1000
        "a, b",retrained,1,1,1,0,healthy,0,penultimate,rdm_similarity_tau_b,,1,499500
        "a, b",retrained,1,1,1,0,healthy,0,penultimate,rdm_pairs_left_out,,0,499500
        "a, b",retrained,1,1,1,1,injured,0.19999999999999996,,accuracy,,0.28248942041397096,10000
        "a, b",retrained,1,1,1,1,injured,0.19999999999999996,,mean_class_accuracy,,0.28248942041397096,10
        "a, b",retrained,1,1,1,1,injured,0.19999999999999996,,class_accuracy,plane,0.29422355103492737,1000
        "a, b",retrained,1,1,1,1,injured,0.19999999999999996,,class_accuracy,car,0.29777910659048296,1000
        "a, b",retrained,1,1,1,1,injured,0.19999999999999996,penultimate,rdm_similarity_tau_b,,NaN,499500
        "a, b",retrained,1,1,1,1,injured,0.19999999999999996,penultimate,rdm_pairs_left_out,,0,499500
        "a, b",retrained,1,1,1,1,treated,0.19999999999999996,,accuracy,,0.9256543970107991,10000
        "a, b",retrained,1,1,1,1,treated,0.19999999999999996,,mean_class_accuracy,,0.9256543970107991,10
        "a, b",retrained,1,1,1,1,treated,0.19999999999999996,,class_accuracy,plane,0.8541359925270043,1000
        "a, b",retrained,1,1,1,1,treated,0.19999999999999996,,class_accuracy,car,0.871913770304782,1000
        "a, b",retrained,1,1,1,1,treated,0.19999999999999996,penultimate,rdm_similarity_tau_b,,0.7284815955162031,499500
        "a, b",retrained,1,1,1,1,treated,0.19999999999999996,penultimate,rdm_pairs_left_out,,0,499500
        "#);
    }

    #[test]
    fn floats_read_back_as_the_same_bits() {
        for value in [0.1 + 0.2, 1e-12, 1.0 / 3.0, f64::MIN_POSITIVE, 1e300, -0.0] {
            assert_eq!(float(Some(value)).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
        assert_eq!([float(None), float(Some(f64::NAN))], ["NaN", "NaN"]);
    }

    #[test]
    fn a_quote_or_a_line_break_does_not_break_the_columns() {
        let mut evidence = example::evidence(2, 2);
        evidence.name = "quote \" comma , line \n end".to_owned();
        let text = results_csv(&evidence);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), RESULTS_COLUMNS.as_slice());
        let expected: usize = evidence.trials.iter().flat_map(|t| &t.records).map(|r| r.readings.len()).sum();
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), expected);
        assert!(rows.iter().all(|row| row.len() == 13 && row[0] == evidence.name));
    }

    #[test]
    fn tables_hold_means_with_n_and_leave_missing_intervals_empty() {
        let evidence = example::evidence(1, 1);
        let text = table_csv(&View::new(&evidence));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), TABLE_COLUMNS.as_slice());
        assert!(reader.records().all(|row| row.is_ok_and(|row| row[8].is_empty() && &row[9] == "1")));

        let evidence = example::evidence(3, 2);
        let text = comparisons_csv(&View::new(&evidence));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), COMPARISONS_COLUMNS.as_slice());
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), 3 * 2 * 2, "pairs of arms x steps x questions");
        assert!(rows.iter().all(|row| &row[9] == "3" && !row[8].is_empty()));
    }

    #[test]
    fn confusions_are_shares_after_the_readings_of_their_record() {
        let mut evidence = example::evidence(1, 1);
        evidence.trials.truncate(1);
        evidence.trials[0].records.truncate(1);
        evidence.cause.classes = ["cat", "dog"].map(str::to_owned).to_vec();
        let record = &mut evidence.trials[0].records[0];
        record.readings.truncate(1);
        record.confusions = Some(neuro::reading::Confusions { classes: 2, counts: vec![3, 1, 0, 0] });
        let text = results_csv(&evidence);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        let start = "example,retrained,1,1,1,0,healthy,0,,confusion,";
        let expected = ["cat>cat,0.75,4", "cat>dog,0.25,4", "dog>cat,NaN,0", "dog>dog,NaN,0"].map(|end| format!("{start}{end}"));
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_branch_writes_its_own_rows_and_the_healthy_ones() {
        let evidence = example::of_a_branch(1, 8, 5, 3);
        let steps = |text: &str, arm: usize, step: usize| -> std::collections::BTreeSet<u32> {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            rows.iter().filter(|row| &row[arm] == "branch").map(|row| row[step].parse().unwrap()).collect()
        };
        assert_eq!(Vec::from_iter(steps(&results_csv(&evidence), 1, 5)), [0, 6, 7, 8]);
        let view = View::new(&evidence);
        assert_eq!(Vec::from_iter(steps(&table_csv(&view), 0, 1)), [0, 6, 7, 8]);
        assert_eq!(Vec::from_iter(steps(&comparisons_csv(&view), 1, 2)), [6, 7, 8]);
    }
}

//! What a reader must know before the first number.

use crate::methods;
use crate::view::View;
use crate::words::{self, plural};

/// A box on top of the page.
pub(crate) struct Notice {
    pub(crate) heading: String,
    pub(crate) text: String,
    pub(crate) items: Vec<String>,
}

/// All that apply, the gravest for the numbers first.
pub(crate) fn notices(view: &View<'_>) -> Vec<Notice> {
    [note(view), failed(view), makers(view), unfinished(view)].into_iter().flatten().collect()
}

fn note(view: &View<'_>) -> Option<Notice> {
    let stimuli = &view.evidence.cause.stimuli;
    let caution = stimuli.check.caution().map(str::to_owned);
    let text = caution.into_iter().chain(stimuli.note.clone()).collect::<Vec<_>>().join(" ");
    let heading = format!("Note on the data ({})", stimuli.name);
    (!text.is_empty()).then(|| Notice { heading, text, items: Vec::new() })
}

fn failed(view: &View<'_>) -> Option<Notice> {
    let items = view.failed();
    let biased = if view.is_biased() {
        " Those that are left may be the healthier ones, so such means, their intervals and the differences between arms are biased."
    } else {
        ""
    };
    let text = format!(
        "{} failed and will not be finished. {}{biased} Failed (arm, seeds of network / injury / data: where, why):",
        plural(items.len(), "trial"),
        view.survivors()
    );
    (!items.is_empty()).then(|| Notice { heading: "Failed".to_owned(), text, items })
}

fn makers(view: &View<'_>) -> Option<Notice> {
    let unlike = methods::unlike(view)?;
    let text = format!("Parts of this study were computed by different builds or with different instruction sets. {unlike}");
    let items = view.evidence.makers.iter().map(|(maker, cases)| format!("{maker}: {}", plural(*cases, "case"))).collect();
    Some(Notice { heading: "More than one maker".to_owned(), text, items })
}

fn unfinished(view: &View<'_>) -> Option<Notice> {
    let items = not_done(view);
    let verb = if items.len() == 1 { "is" } else { "are" };
    let text = format!(
        "{} {verb} not done; every number below rests on what has been read so far (arm, seeds of network / injury / data):",
        plural(items.len(), "trial")
    );
    (!items.is_empty()).then(|| Notice { heading: "Unfinished".to_owned(), text, items })
}

/// Trials that are not done and have not failed, in words.
fn not_done(view: &View<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    for arm in &view.arms {
        for &seeds in &arm.planned {
            let name = words::trial(arm.name(), seeds);
            match arm.trials.iter().find(|trial| trial.seeds == seeds) {
                Some(trial) if trial.done || trial.failure.is_some() => {}
                None => missing.push(format!("{name}: not begun")),
                Some(trial) => {
                    let step = trial.records.iter().map(|record| record.step).max().unwrap_or(0);
                    missing.push(format!("{name}: step {step} of {} read", arm.end()));
                }
            }
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use neuro::images::Check;
    use neuro::record::Phase;

    use super::*;
    use crate::example;

    fn headings(evidence: &neuro::record::Evidence) -> Vec<String> {
        notices(&View::new(evidence)).into_iter().map(|notice| notice.heading).collect()
    }

    #[test]
    fn files_that_were_not_compared_with_the_official_ones_are_called_so() {
        let mut evidence = example::evidence(2, 2);
        let told = |evidence: &neuro::record::Evidence| {
            let view = View::new(evidence);
            let figure = crate::figure::all(&view).unwrap().remove(0);
            let drawn = figure.canvas.standalone().contains("see the note on these data");
            assert_eq!(figure.caption.contains("see the note on these data"), drawn);
            (notices(&view).pop().map(|notice| notice.text), drawn)
        };
        assert_eq!(told(&evidence), (None, false));
        for (check, words, drawn) in [
            (Check::Given, "These files were not compared with the official ones.", true),
            (Check::NotOfficial, "These are not the official files.", true),
            (Check::OfficialStatistics, "The test images were not compared with the official ones.", false),
        ] {
            evidence.cause.stimuli.check = check;
            assert_eq!(told(&evidence), (Some(words.to_owned()), drawn));
        }
        evidence.cause.stimuli.note = Some("Half of it.".to_owned());
        assert_eq!(told(&evidence).0.unwrap(), "The test images were not compared with the official ones. Half of it.");
        for check in [Check::Drawn, Check::Pictures] {
            evidence.cause.stimuli.check = check;
            assert_eq!(told(&evidence).0.unwrap(), "Half of it.");
        }
    }

    #[test]
    fn what_is_not_done_is_said() {
        let mut evidence = example::evidence(2, 3);
        assert!(headings(&evidence).is_empty());
        evidence.trials[1].done = false;
        evidence.trials[1].records.truncate(4);
        evidence.trials.remove(5);
        let view = View::new(&evidence);
        assert_eq!(not_done(&view), ["retrained, seeds 2 / 2 / 2: step 2 of 3 read", "sham, seeds 2 / 2 / 2: not begun"]);
        assert_eq!(headings(&evidence), ["Unfinished"]);
    }

    #[test]
    fn the_steps_of_a_branch_are_counted_on() {
        let mut evidence = example::of_a_branch(2, 8, 5, 3);
        assert!(headings(&evidence).is_empty());
        let trial = evidence.trials.last_mut().unwrap();
        trial.done = false;
        trial.records.retain(|record| record.step <= 6);
        assert_eq!(not_done(&View::new(&evidence)), ["branch, seeds 2 / 2 / 2: step 6 of 8 read"]);
    }

    #[test]
    fn what_failed_is_said_with_where_and_why_and_is_not_called_unfinished() {
        let mut evidence = example::evidence(3, 6);
        example::fail(&mut evidence.trials[1], 4, Phase::Treated);
        let notices = notices(&View::new(&evidence));
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].heading, "Failed");
        assert_eq!(notices[0].items, ["retrained, seeds 2 / 2 / 2: step 4 of 6: epoch 2 of 3: the loss is not a number"]);
        assert!(
            notices[0].text.contains("From step 4 on, means of arm ‘retrained’ rest on the 2 of 3 trials that did not fail.")
        );
        assert!(notices[0].text.starts_with("1 trial failed") && notices[0].text.contains("biased"));

        for trial in &mut evidence.trials {
            example::fail(trial, 1, Phase::Injured);
        }
        let text = &super::notices(&View::new(&evidence))[0].text;
        assert!(text.contains("From step 1 on, there are no means of arm ‘sham’") && !text.contains("biased"), "{text}");
    }

    #[test]
    fn several_makers_are_named_if_their_results_may_differ() {
        let mut evidence = example::evidence(2, 2);
        let mut other = example::maker("AVX-512");
        other.processor = "AMD EPYC 7B13".to_owned();
        evidence.makers.push((other, 2));
        assert!(headings(&evidence).is_empty(), "same build, same instruction set");
        evidence.makers.push((example::maker("AVX2"), 1));
        let notice = &notices(&View::new(&evidence))[0];
        assert_eq!((notice.heading.as_str(), notice.items.len()), ("More than one maker", 3));
        assert!(notice.items[2].ends_with("(AVX2): 1 case") && notice.text.ends_with("may differ in the last digits."));
    }
}

//! How wide a text will be, so that nothing collides.

/// Advances of DejaVu Sans from space to tilde, in thousandths of the size (table `hmtx` of the font).
const ADVANCES: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636, 636, 636,
    636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787,
    695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278,
    579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/// Width in the units of `size`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let advance = |c: char| (c as usize).checked_sub(32).and_then(|i| ADVANCES.get(i)).copied().unwrap_or(700);
    text.chars().map(advance).map(f64::from).sum::<f64>() * size / 1000.0
}

/// The text, or as much of its beginning as fits with an ellipsis.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() && width(&short, size) + size > room {}
    format!("{}…", short.trim_end())
}

/// The text in lines that fit, broken between words, and inside a word only where it is longer than a line.
pub(super) fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("one line at least");
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&joined, size) <= room {
            *line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(String::new());
        }
        for letter in word.chars() {
            let line = lines.last_mut().expect("one line at least");
            if !line.is_empty() && width(line, size) + width(letter.encode_utf8(&mut [0; 4]), size) > room {
                lines.push(letter.to_string());
            } else {
                line.push(letter);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_is_kept_and_a_long_one_is_cut() {
        assert_eq!(width("ii", 10.0), 5.56);
        assert_eq!(fit("plane", 10.0, 100.0), "plane");
        let cut = fit("a very long name of an arm", 10.0, 60.0);
        assert!(cut.ends_with('…') && width(&cut, 10.0) <= 60.0, "{cut}");
        assert_eq!(fit("wide", 10.0, 0.0), "…");
    }

    #[test]
    fn a_long_text_is_broken_between_words_and_loses_nothing() {
        assert_eq!(wrap("plane", 10.0, 100.0), ["plane"]);
        assert_eq!(wrap("", 10.0, 100.0), [""]);
        let lines = wrap("a very long name of an arm", 10.0, 60.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 10.0) <= 60.0), "{lines:?}");
        assert_eq!(lines.join(" "), "a very long name of an arm");
        let letters = wrap("so uninterrupted", 10.0, 40.0);
        assert!(letters.len() > 2 && letters.iter().all(|line| width(line, 10.0) <= 40.0), "{letters:?}");
        assert_eq!(letters.concat(), "souninterrupted");
        assert_eq!(wrap("ab", 10.0, 0.0), ["a", "b"]);
    }
}

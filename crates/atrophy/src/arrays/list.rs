//! Labels as text files have them: one a line, or a column of a table.

use super::place::Place;

/// Most columns that are listed in a message.
const MOST_LISTED: usize = 8;

/// One word a line.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// The column of a table that a place names. The first line has the names.
pub(super) fn column(text: &str, place: &Place) -> Result<Vec<String>, String> {
    let first = text.lines().next().unwrap_or_default();
    let separators: &[u8] = if place.ends("tsv") { b"\t" } else { b",;\t" };
    let separator = separators.iter().copied().find(|&byte| first.as_bytes().contains(&byte)).unwrap_or(separators[0]);
    let mut table = csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(text.as_bytes());
    let names: Vec<String> =
        table.headers().map_err(|error| format!("is no table: {error}"))?.iter().map(str::to_owned).collect();
    let there = || {
        let more = if names.len() > MOST_LISTED { ", …" } else { "" };
        format!("{}{more}", names.iter().take(MOST_LISTED).map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    let Some(name) = &place.name else {
        let (file, first) = (place.file.display(), names.first().map_or("COLUMN", String::as_str));
        return Err(format!("is a table; name a column, as in {file}:{first} (it has {})", there()));
    };
    let mut found = (0..names.len()).filter(|&i| names[i] == *name);
    let at = match (found.next(), found.next()) {
        (Some(at), None) => at,
        (Some(_), Some(_)) => return Err("is the name of several columns; give each its own".to_owned()),
        (None, _) => return Err(format!("is no column; there are {}", there())),
    };
    let word = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.map_err(|error| format!("cannot be read ({error}); mend that line"))?;
        Ok(row.get(at).unwrap_or_default().to_owned())
    };
    table.records().map(word).collect()
}

/// The number that a word is, if it is one: whole, or what it is instead. A word with zeros before it, such as 007, is none.
pub(super) fn number(word: &str) -> Option<Result<i128, String>> {
    let canonical = word.parse::<i128>().ok().filter(|value| value.to_string() == word);
    if let Some(value) = canonical {
        return Some(Ok(value));
    }
    let digits = word.strip_prefix('-').unwrap_or(word);
    let padded = digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit());
    let is_float = word.contains(['.', 'e', 'E']) || word.eq_ignore_ascii_case("nan");
    word.parse::<f64>().ok().filter(|_| is_float && !padded).map(whole)
}

/// The whole number that a float is, or what it is instead.
pub(super) fn whole(value: f64) -> Result<i128, String> {
    match value {
        value if value.is_nan() => Err("NaN; give every image a label".to_owned()),
        value if value.fract() != 0.0 || value.is_infinite() => Err(format!("{value}; labels are whole numbers or words")),
        value if value.abs() > (1u64 << f64::MANTISSA_DIGITS) as f64 => {
            Err(format!("{value:e}, which no float holds exactly; give smaller numbers"))
        }
        value => Ok(value as i128),
    }
}

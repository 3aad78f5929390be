//! vPDQ as text, in the two forms that tools exchange.
//!
//! *Lines*, one a frame: `number,quality,hash,seconds`, the seconds with three decimals.
//! *JSON*: an array of strings `"hash,quality,seconds"`, without the frames' numbers.

use std::fmt::Write as _;

use super::{VideoFrame, Vpdq};
use crate::hash::PdqHash;
use crate::pdq::Pdq;

/// More seconds than this are a mistake: a hundred years.
const MOST_SECONDS: f64 = 3.2e9;
pub(crate) const MOST_MILLISECONDS: u64 = 3_200_000_000_000 - 1;

/// Why a text is no vPDQ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseVpdqError {
    #[error("line {line}: {why}")]
    Line {
        /// From 1.
        line: usize,
        why: String,
    },
    #[error("frame {entry} of the array: {why}")]
    Entry {
        /// From 1.
        entry: usize,
        why: String,
    },
    #[error("it is no JSON array of strings: {0}")]
    NotJson(String),
    #[error("it has no frames")]
    Empty,
}

impl Vpdq {
    /// Reads either form, told apart by its first character.
    ///
    /// # Errors
    /// Says in which line or entry what is wrong.
    pub fn parse(text: &str) -> Result<Vpdq, ParseVpdqError> {
        if text.trim_start().starts_with('[') {
            Vpdq::parse_json(text)
        } else {
            Vpdq::parse_lines(text)
        }
    }

    /// Reads lines of `number,quality,hash,seconds`. Numbers are as they would be written: without
    /// signs, leading zeros or blanks, and seconds with three decimals.
    ///
    /// # Errors
    /// Says in which line what is wrong.
    pub fn parse_lines(text: &str) -> Result<Vpdq, ParseVpdqError> {
        let mut frames = Vec::new();
        for (line_idx, line) in text.lines().enumerate() {
            let frame = parse_line(line).map_err(|why| ParseVpdqError::Line {
                line: line_idx + 1,
                why,
            })?;
            frames.push(frame);
        }
        Vpdq::of(frames)
    }

    /// Reads an array of strings `"hash,quality,seconds"`. A frame's number is its place in the array.
    ///
    /// # Errors
    /// Says in which entry what is wrong.
    pub fn parse_json(text: &str) -> Result<Vpdq, ParseVpdqError> {
        let entries: Vec<String> = serde_json::from_str(text)
            .map_err(|error| ParseVpdqError::NotJson(error.to_string()))?;
        let mut frames = Vec::with_capacity(entries.len());
        for (number, entry) in (0..).zip(&entries) {
            let frame = parse_entry(number, entry).map_err(|why| ParseVpdqError::Entry {
                entry: number as usize + 1,
                why,
            })?;
            frames.push(frame);
        }
        Vpdq::of(frames)
    }

    fn of(frames: Vec<VideoFrame>) -> Result<Vpdq, ParseVpdqError> {
        if frames.is_empty() {
            return Err(ParseVpdqError::Empty);
        }
        Ok(Vpdq { frames })
    }

    /// A line for each frame, each with its end.
    pub fn to_lines(&self) -> String {
        let mut text = String::new();
        for frame in &self.frames {
            let VideoFrame { number, pdq, .. } = frame;
            let (quality, hash, seconds) = (pdq.quality, pdq.hash, seconds(frame));
            writeln!(text, "{number},{quality},{hash},{seconds}")
                .expect("a String takes everything");
        }
        text
    }

    /// An array on one line, with three decimals.
    pub fn to_json(&self) -> String {
        let entries: Vec<String> = self
            .frames
            .iter()
            .map(|frame| {
                let (quality, hash) = (frame.pdq.quality, frame.pdq.hash);
                format!("\"{hash},{quality},{}\"", seconds(frame))
            })
            .collect();
        format!("[{}]", entries.join(", "))
    }
}

fn seconds(frame: &VideoFrame) -> String {
    let (seconds, thousandths) = (frame.timestamp_ms / 1_000, frame.timestamp_ms % 1_000);
    format!("{seconds}.{thousandths:03}")
}

fn parse_line(line: &str) -> Result<VideoFrame, String> {
    let [number, quality, hash, seconds] = fields(line, "number,quality,hash,seconds")?;
    let frame = VideoFrame {
        number: parse_number(number, u32::MAX, "a frame's number")?,
        pdq: parse_pdq(hash, quality)?,
        timestamp_ms: parse_thousandths(seconds)?,
    };
    Ok(frame)
}

fn parse_entry(number: u32, entry: &str) -> Result<VideoFrame, String> {
    let [hash, quality, seconds] = fields(entry, "hash,quality,seconds")?;
    // Meta's library writes three digits in all and not three decimals: "0.0", "12.3", "1.23e+02".
    let parsed = seconds.parse::<f64>().ok();
    let parsed = parsed
        .filter(|parsed| (0.0..MOST_SECONDS).contains(parsed))
        .ok_or_else(|| format!("{} is no number of seconds", quote(seconds)))?;
    Ok(VideoFrame {
        number,
        pdq: parse_pdq(hash, quality)?,
        timestamp_ms: (parsed * 1_000.0).round_ties_even() as u64,
    })
}

fn fields<'t, const N: usize>(text: &'t str, form: &str) -> Result<[&'t str; N], String> {
    let fields: Vec<&str> = text.split(',').collect();
    let n_fields = fields.len();
    fields
        .try_into()
        .map_err(|_| format!("{n_fields} fields, expected {N}: {form}"))
}

fn parse_pdq(hash: &str, quality: &str) -> Result<Pdq, String> {
    let hash: PdqHash = hash.parse().map_err(|error| format!("{error}"))?;
    let quality = parse_number(quality, 100, "a quality")?;
    Ok(Pdq {
        hash,
        quality: u8::try_from(quality).expect("it is at most 100"),
    })
}

fn parse_number(text: &str, most: u32, what: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number <= most);
    number
        .filter(|number: &u32| number.to_string() == text)
        .ok_or_else(|| format!("{} is not {what}, expected 0 to {most}", quote(text)))
}

fn parse_thousandths(text: &str) -> Result<u64, String> {
    let parsed = text.split_once('.').and_then(|(seconds, thousandths)| {
        let whole: u64 = seconds.parse().ok()?;
        let is_plain = whole.to_string() == seconds && (whole as f64) < MOST_SECONDS;
        let is_part = thousandths.len() == 3 && thousandths.bytes().all(|b| b.is_ascii_digit());
        let part: u64 = thousandths.parse().ok()?;
        (is_plain && is_part).then(|| whole * 1_000 + part)
    });
    parsed.ok_or_else(|| {
        format!(
            "{} is not a number of seconds with three decimals",
            quote(text)
        )
    })
}

/// The text in quotes, cut short: an error must not carry a whole line.
fn quote(text: &str) -> String {
    let cut = text.chars().nth(20).map_or("", |_| "…");
    let start: String = text.chars().take(20).collect();
    format!("\"{}{cut}\"", start.escape_debug())
}

//! What the tour found, for people: a table, a summary, and what was not recognised.

use std::fmt::Write;

use super::plan::Upload;
use crate::alterations::Alteration;
use crate::platform::{Match, Post, State, Verdict};

/// An upload and what became of it.
pub(super) struct Row {
    pub(super) upload: Upload,
    pub(super) post: Post,
}

impl Row {
    pub(super) fn is_recognised(&self) -> bool {
        self.post
            .answer
            .as_ref()
            .is_some_and(|answer| !answer.matches.is_empty())
    }

    /// The match that says most: a digest, or else the least distance.
    fn nearest(&self) -> Option<&Match> {
        let matches = &self.post.answer.as_ref()?.matches;
        matches
            .iter()
            .min_by_key(|found| (found.kind == "pdq", found.distance))
    }
}

/// Fits 100 columns.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    line(
        &mut text,
        [
            "uploaded",
            "what it is",
            "recognised",
            "verdict",
            "by the rule",
            "the platform",
        ],
    );
    line(
        &mut text,
        [
            "-".repeat(14).as_str(),
            &"-".repeat(16),
            &"-".repeat(17),
            "-------",
            &"-".repeat(24),
            &"-".repeat(12),
        ],
    );
    for row in rows {
        let what = match row.upload.is_known {
            true => row.upload.alteration.to_string(),
            false => "not in the bank".to_owned(),
        };
        let found = row.nearest();
        let verdict = row
            .post
            .answer
            .as_ref()
            .map(|answer| answer.verdict.to_string());
        let rule = found.and_then(|found| found.rule.as_ref()).or_else(|| {
            row.post
                .answer
                .as_ref()?
                .reasons
                .iter()
                .find_map(|reason| reason.rule.as_ref())
        });
        line(
            &mut text,
            [
                &row.upload.original.name,
                &what,
                &found.map_or("no".to_owned(), recognised),
                &verdict.unwrap_or("none".to_owned()),
                rule.map_or("-", |rule| &rule.name),
                &became(&row.post),
            ],
        );
    }
    text
}

fn line(text: &mut String, [name, what, found, verdict, rule, platform]: [&str; 6]) {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let _ = writeln!(
        text,
        "{:<14} {:<16} {:<17} {:<7} {:<24} {}",
        cut(name, 14),
        cut(what, 16),
        cut(found, 17),
        cut(verdict, 7),
        cut(rule, 24),
        cut(platform, 17),
    );
}

fn recognised(found: &Match) -> String {
    if found.kind != "pdq" {
        return format!("same {}", found.kind);
    }
    match found.transform.as_deref() {
        None | Some("original") if found.variant.as_deref() == Some("without_border") => {
            format!("at {}, no border", found.distance)
        }
        None | Some("original") => format!("at {}", found.distance),
        Some(transform) => format!("at {}, {transform}", found.distance),
    }
}

fn became(post: &Post) -> String {
    match (
        &post.answer.as_ref().map(|answer| answer.verdict),
        post.state,
    ) {
        (Some(Verdict::Hold), State::Removed | State::Published) => format!("held, {}", post.state),
        (_, state) => state.to_string(),
    }
}

/// How many copies were recognised, by alteration, and how many other pictures.
pub(super) fn summary(rows: &[Row]) -> String {
    let mut text = String::new();
    let known: Vec<&Row> = rows.iter().filter(|row| row.upload.is_known).collect();
    let others: Vec<&Row> = rows.iter().filter(|row| !row.upload.is_known).collect();
    let n_found = known.iter().filter(|row| row.is_recognised()).count();
    let _ = writeln!(
        text,
        "{} copies of banked pictures uploaded: {n_found} recognised",
        known.len()
    );
    let missed: Vec<String> = Alteration::ALL
        .iter()
        .filter_map(|alteration| misses(&known, *alteration))
        .collect();
    if !missed.is_empty() {
        let _ = writeln!(
            text,
            "  not recognised: {} ({})",
            known.len() - n_found,
            missed.join(", ")
        );
        text += "  PDQ sees the whole picture: what cuts much away or covers much of it makes it another one.\n";
    }
    let n_wrong = others.iter().filter(|row| row.is_recognised()).count();
    let _ = writeln!(
        text,
        "{} other pictures uploaded: {n_wrong} recognised",
        others.len()
    );
    let states = [
        State::Published,
        State::Held,
        State::Blocked,
        State::Removed,
        State::Restricted,
        State::Unchecked,
    ];
    let counts: Vec<String> = states
        .iter()
        .map(|state| {
            (
                rows.iter().filter(|row| row.post.state == *state).count(),
                state,
            )
        })
        .filter(|(n, _)| *n > 0)
        .map(|(n, state)| format!("{n} {state}"))
        .collect();
    let _ = writeln!(text, "on the platform now: {}", counts.join(", "));
    text
}

fn misses(known: &[&Row], alteration: Alteration) -> Option<String> {
    let of_it = known
        .iter()
        .filter(|row| row.upload.alteration == alteration);
    let (n, n_missed) = of_it.fold((0, 0), |(n, missed), row| {
        (n + 1, missed + usize::from(!row.is_recognised()))
    });
    (n_missed > 0).then(|| format!("{n_missed} of {n} {alteration}"))
}

/// What should not have happened; empty when all is well.
pub(super) fn faults(rows: &[Row]) -> Vec<String> {
    let mut faults = Vec::new();
    if !rows
        .iter()
        .any(|row| row.upload.is_known && row.is_recognised())
    {
        faults.push("no copy of a banked picture was recognised".to_owned());
    }
    for row in rows {
        let name = &row.upload.file_name;
        if row.upload.is_known && is_plain(row.upload.alteration) && !row.is_recognised() {
            faults.push(format!("\"{name}\" was not recognised"));
        }
        let verdict = row.post.answer.as_ref().map(|answer| answer.verdict);
        if row.is_recognised() && verdict == Some(Verdict::Allow) {
            faults.push(format!("\"{name}\" was recognised and yet allowed"));
        }
        let is_stopped = matches!(verdict, Some(Verdict::Hold | Verdict::Block));
        if !row.upload.is_known && (row.is_recognised() || is_stopped) {
            faults.push(format!(
                "\"{name}\" is in no bank and was not simply allowed"
            ));
        }
        if row.post.state == State::Unchecked {
            faults.push(format!(
                "\"{name}\" could not be checked: {}",
                row.post.reasons.join(" ")
            ));
        }
    }
    faults
}

/// Alterations that change nothing one can see; missing one of them is a fault of the program.
fn is_plain(alteration: Alteration) -> bool {
    matches!(
        alteration,
        Alteration::Unaltered
            | Alteration::AsWebp
            | Alteration::Grey
            | Alteration::Mirrored
            | Alteration::Recompressed
    )
}

//! What is held back and passed over, counted by its code.

use std::collections::BTreeMap;

use crate::app::report::{Report, Skipped};
use crate::cli::render::counted;
use crate::cli::verbosity::Detail;
use crate::engine::code::Code;

/// `held back: 2 renamed-by, 1 platform-lost`, the codes in the order of the documentation.
pub(super) fn held(report: &Report, detail: Detail) -> Option<String> {
    let codes: Vec<String> = by_code(report, Skipped::is_held)
        .map(|(code, count)| format!("{count} {code}"))
        .collect();
    let hint = match detail >= Detail::More || report.strict {
        true => "",
        false => " (`-v` names them)",
    };
    (!codes.is_empty()).then(|| format!("held back: {}{hint}", codes.join(", ")))
}

/// What frees the first image of a chart that is not known to take digests.
pub(super) fn unproven_charts(report: &Report) -> Option<String> {
    let skipped = report.skipped.iter();
    let mut held = skipped.filter(|skipped| skipped.code == Code::ChartUnproven);
    let place = &held.next()?.place;
    let place = super::at(place, place.line);
    let more = match held.count() {
        0 => String::new(),
        more => format!("; the same goes for {}", counted(more, "more image")),
    };
    Some(format!(
        "hint: if the chart takes a digest behind the tag at {place}, write `# imago: digest-in-tag` on that line, or set `helm: {{digest-in-tag: [...]}}`{more}\n"
    ))
}

/// The same of what was passed over on purpose. What most runs have is said in words.
pub(super) fn passed_over(report: &Report) -> Vec<String> {
    let mut parts = Vec::new();
    let mut over = Vec::new();
    for (code, count) in by_code(report, |skipped| !skipped.is_held()) {
        match code {
            Code::Ignored => parts.push(format!("{} ignored", counted(count, "image"))),
            Code::DecidedBy => parts.push(format!(
                "{} decided by a kustomization",
                counted(count, "image")
            )),
            Code::Variable => over.push(counted(count, "placeholder")),
            Code::Template => over.push(counted(count, template(report))),
            Code::Managed => parts.push(format!(
                "{} managed by something else (`--managed` takes them)",
                counted(count, "workload")
            )),
            code => over.push(format!("{count} {code}")),
        }
    }
    if !over.is_empty() {
        parts.insert(0, format!("{} passed over", over.join(", ")));
    }
    parts
}

fn by_code(
    report: &Report,
    is_meant: impl Fn(&Skipped) -> bool,
) -> impl Iterator<Item = (Code, usize)> {
    let mut counts: BTreeMap<Code, usize> = BTreeMap::new();
    for skipped in report.skipped.iter().filter(|skipped| is_meant(skipped)) {
        *counts.entry(skipped.code).or_default() += 1;
    }
    counts.into_iter()
}

/// What templates are called. Some are for another engine than Helm's.
fn template(report: &Report) -> &'static str {
    let mut templates = report
        .skipped
        .iter()
        .filter(|skipped| skipped.code == Code::Template);
    if templates.all(|skipped| skipped.message.contains("Helm")) {
        "Helm template"
    } else {
        "template"
    }
}

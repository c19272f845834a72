//! Runs the engine in process on every case of `fixtures/rewrite`. What the binary does with a folder must equal what the engine
//! does with a text.

use imago::engine::shape;
use imago::engine::yaml::File;

use crate::support::binary::files;
use crate::support::cases::{Action, Case};
use crate::support::engine::{self, Way, answers, carry_out_in, plain_rules};

/// The codes with which the engine refuses a file or a document. The other codes belong to an image, a workload, or the file's
/// bytes.
const OF_THE_FILE: [&str; 13] = [
    "yaml-syntax",
    "duplicate-key",
    "shared-anchor",
    "recursive-alias",
    "too-deep",
    "alias-bomb",
    "ambiguous-line-break",
    "complex-key",
    "encrypted",
    "merge-conflict",
    "template",
    "not-editable",
    "unproven",
];

#[test]
fn the_engine_does_with_a_text_what_the_case_says() {
    let mut faults = Vec::new();
    // Skip cases with flags and policies, which are settings and lists, and with folders, which the binary scans.
    for case in Case::all()
        .into_iter()
        .filter(|case| case.terms.flags.is_empty() && case.terms.tags.is_empty())
    {
        let (before, after) = (files(&case.before()), case.after());
        let (Some((name, bytes)), true) = (before.first_key_value(), before.len() == 1) else {
            continue;
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            continue;
        };
        let expected = std::str::from_utf8(&after[name]).unwrap();
        let answers = answers(
            case.terms
                .digests
                .iter()
                .map(|(image, digest)| (image.as_str(), digest.as_str())),
        );
        let action = match case.terms.action {
            Action::Update => engine::Action::Update(&answers),
            Action::Restore => engine::Action::Restore,
        };
        // A text without a sign of an object with images is not even parsed.
        if case.name == "broken-without-a-workload" {
            continue;
        }
        let way = carry_out_in(name, text, &plain_rules(), action);
        let marks = case
            .terms
            .problems
            .iter()
            .chain(&case.terms.skipped)
            .map(|mark| mark.code.as_str());
        let code: Vec<_> = marks.filter(|code| OF_THE_FILE.contains(code)).collect();
        let refused = match &way {
            Way::Refused(code, _) => vec![*code],
            Way::Same | Way::Changed(_) => refused_documents(text),
        };
        if refused != code || way.text(text) != expected {
            faults.push(format!(
                "{}: {way:?}\n    expected {code:?}\n{expected}",
                case.name
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{} cases do not hold:\n\n{}\n",
        faults.len(),
        faults.join("\n\n")
    );
}

/// The codes of the documents that are left alone while others of the file are edited.
fn refused_documents(text: &str) -> Vec<&'static str> {
    let file = File::parse(text).expect("it is not refused");
    let mut codes: Vec<_> = file
        .refused()
        .iter()
        .map(|refused| refused.why.fault.code().as_str())
        .collect();
    for document in (0..file.len()).map(|index| file.document(index)) {
        if shape::is_encrypted(document) && !shape::find(document).objects.is_empty() {
            codes.push("encrypted");
        }
    }
    codes
}

//! A report as SARIF 2.1.0 (OASIS), for code scanning and editors: a result for each thing that is still to be looked at.
//!
//! What this run has carried out is no result any more. What has no place is a notification of the run: a result without one is
//! refused by readers.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::basis::Basis;
use super::docs;
use super::finding::{Finding, Level, findings};
use super::json::escaped;
use crate::app::report::Report;
use crate::engine::code::Code;

/// The name of the folder that paths begin at: the repository's root.
const ROOT: &str = "%SRCROOT%";

/// The report as one JSON object, indented, with a newline at its end.
pub fn report(report: &Report, basis: &Basis) -> String {
    let findings: Vec<Finding> = findings(report)
        .into_iter()
        .filter(|finding| finding.level > Level::Done)
        .collect();
    let (placed, general): (Vec<_>, Vec<_>) = findings
        .iter()
        .partition(|finding| finding.place.file.is_some() || finding.place.object.is_some());
    let codes: BTreeMap<&str, Code> = placed
        .iter()
        .map(|finding| (finding.code.as_str(), finding.code))
        .collect();
    let codes: Vec<Code> = codes.into_values().collect();
    let warning = |warning: &String| Notification {
        level: "warning",
        message: Text {
            text: warning.clone(),
        },
    };
    let (detours, warnings) = (&report.detours, &report.warnings);
    let notes = report.notes.iter().map(|note| Notification {
        level: "note",
        message: Text { text: note.clone() },
    });
    let notifications = general.iter().map(|finding| Notification {
        level: level(finding.level),
        message: message(finding),
    });
    let log = Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "imago",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: codes
                        .iter()
                        .map(|code| Rule {
                            id: code.as_str(),
                            short_description: Text {
                                text: code.meaning().to_owned(),
                            },
                            help_uri: docs::code(*code),
                            help: Text {
                                text: code.remedy().to_owned(),
                            },
                        })
                        .collect(),
                },
            },
            invocations: [Invocation {
                // The run itself did what it could; what it could not do is in the results.
                execution_successful: report.stopped_at.is_none() && !report.failed_empty,
                notifications: (detours.iter().map(warning))
                    .chain(notifications)
                    .chain(warnings.iter().map(warning))
                    .chain(notes)
                    .collect(),
            }],
            bases: BTreeMap::from([(
                ROOT,
                Base {
                    description: Text {
                        text: "The root of the repository".to_owned(),
                    },
                },
            )]),
            results: placed
                .iter()
                .map(|finding| SarifResult::of(finding, &codes, basis))
                .collect(),
        }],
    };
    escaped(
        &serde_json::to_string_pretty(&log)
            .expect("plain structures with string keys always serialize"),
    )
}

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    #[serde(rename = "originalUriBaseIds")]
    bases: BTreeMap<&'static str, Base>,
    results: Vec<SarifResult>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text,
    help_uri: String,
    help: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(rename = "toolExecutionNotifications")]
    notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
}

#[derive(Serialize)]
struct Base {
    description: Text,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<PhysicalLocation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
}

impl SarifResult {
    fn of(finding: &Finding, codes: &[Code], basis: &Basis) -> Self {
        let rule_index = codes
            .binary_search_by_key(&finding.code.as_str(), |code| code.as_str())
            .expect("every finding's code is among them");
        let place = &finding.place;
        let physical_location = place.file.as_ref().map(|file| PhysicalLocation {
            artifact_location: artifact(file, basis),
            region: place.line.map(|start_line| Region { start_line }),
        });
        let names = place
            .object
            .iter()
            .map(String::as_str)
            .chain(place.site.as_ref().map(|site| site.name.as_str()))
            .collect::<Vec<_>>();
        let logical_locations = match names.is_empty() {
            true => Vec::new(),
            false => vec![LogicalLocation {
                fully_qualified_name: names.join("/"),
            }],
        };
        Self {
            rule_id: finding.code.as_str(),
            rule_index,
            level: level(finding.level),
            message: message(finding),
            locations: [Location {
                physical_location,
                logical_locations,
            }],
        }
    }
}

fn artifact(file: &str, basis: &Basis) -> ArtifactLocation {
    match basis.path_of(file) {
        Some(path) => ArtifactLocation {
            uri: uri(&path),
            uri_base_id: Some(ROOT),
        },
        None => ArtifactLocation {
            uri: format!("file://{}", uri(&basis.absolute(file))),
            uri_base_id: None,
        },
    }
}

/// A path as a part of a URI (RFC 3986): all but its unreserved characters and slashes is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte))
            }
            _ => write!(uri, "%{byte:02X}").expect("a string takes all"),
        }
    }
    uri
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Done | Level::Note => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// What it is and the rest, in one: there is no other place for the first.
fn message(finding: &Finding) -> Text {
    let Finding { title, message, .. } = finding;
    // Brackets begin links, unless a backslash stands before them (section 3.11.6).
    let text = format!("{title}\n{message}")
        .replace('\\', "\\\\")
        .replace('[', "\\[")
        .replace(']', "\\]");
    Text { text }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::app::report::Action;
    use crate::cli::render::samples;

    fn run(sample: &Report, basis: &Basis) -> Value {
        let log: Value = serde_json::from_str(&report(sample, basis)).unwrap();
        assert_eq!(log["version"], "2.1.0");
        log["runs"][0].clone()
    }

    #[test]
    fn a_result_names_its_rule_its_line_and_its_path_from_the_root() {
        let check = Report {
            action: Action::Check,
            ..samples::with_problems()
        };
        let run = run(
            &check,
            &Basis {
                current: "/shop/apps".into(),
                root: "/shop".into(),
            },
        );
        let ids: Vec<_> = run["tool"]["driver"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["id"].clone())
            .collect();
        assert_eq!(ids, ["outdated", "unauthorized", "yaml-syntax"]);
        let result = &run["results"][1];
        assert_eq!(
            (&result["ruleId"], &result["ruleIndex"], &result["level"]),
            (&json!("outdated"), &json!(0), &json!("error"))
        );
        assert_eq!(
            result["locations"],
            json!([{
                "physicalLocation": {
                    "artifactLocation": {"uri": "apps/deploy/web.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 21},
                },
                "logicalLocations": [{"fullyQualifiedName": "Deployment/web/app"}],
            }])
        );
        assert_eq!(
            run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "apps/a%2Cb%3A100%25.yaml"
        );
    }

    #[test]
    fn what_has_no_place_is_a_notification() {
        let run = run(&samples::with_problems(), &Basis::default());
        assert_eq!(
            run["invocations"][0]["toolExecutionNotifications"],
            json!([
                {"level": "error", "message": {"text": "cannot read the lock\nit is empty"}},
                {"level": "warning", "message": {"text": "the lock is not pruned"}},
            ])
        );
        assert_eq!(
            run["results"].as_array().unwrap().len(),
            2,
            "what was updated is not a result"
        );
    }

    #[test]
    fn a_file_outside_of_the_repository_has_an_absolute_address() {
        let basis = Basis {
            current: "/shop/apps".into(),
            root: "/shop".into(),
        };
        assert_eq!(
            artifact("../../other/a b.yaml", &basis).uri,
            "file:///other/a%20b.yaml"
        );
        assert_eq!(artifact("../a.yaml", &basis).uri, "a.yaml");
    }
}

//! Problems for people: what failed, where, why, and one thing to do.
//!
//! The same problem in many places is said once, with all its places: an image that does not resolve usually stands in many files. So are
//! many images that do not resolve for one reason: see `cause.rs`.

use std::fmt::Write;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::cause::{Failed, groups};
use super::{Printable, Styles, counted, masked, steers};
use crate::app::report::{Place, Problem};
use crate::cli::refused::Mistake;
use crate::cli::verbosity::Detail;

/// How many places of one problem, or images of one cause, are listed, unless more was asked for.
const PLACES: usize = 10;
/// How much of a line with a mistake is shown, in characters.
const WIDTH: usize = 100;

/// All problems, in the order in which they were met.
pub fn problems(problems: &[Problem], detail: Detail, styles: &Styles) -> String {
    let most = if detail >= Detail::More {
        usize::MAX
    } else {
        PLACES
    };
    let mut text = String::new();
    for group in groups(problems) {
        let problem = group.problem;
        let lines = match &group.failed[..] {
            [one] => places(&one.places, most),
            images => list(images, most),
        };
        text += &statement(
            &group.title(),
            &lines,
            Some(&problem.cause),
            problem.hint.as_deref(),
            styles,
        );
    }
    text
}

/// The places of one thing, a line each.
fn places(places: &[&Place], most: usize) -> Vec<String> {
    let mut lines: Vec<String> = places
        .iter()
        .take(most)
        .filter_map(|place| Some(format!("in {}", where_it_is(place)?)))
        .collect();
    if places.len() > most {
        lines.push(format!(
            "in {} (`-v` lists them)",
            counted(places.len() - most, "more place")
        ));
    }
    lines
}

/// Images with one cause, a line each: with its first place, or with all where all images are shown.
fn list(images: &[Failed<'_>], most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for failed in images.iter().take(most) {
        let image = failed.image().unwrap_or_default();
        let shown = if most == usize::MAX {
            failed.places.len()
        } else {
            1
        };
        let places: Vec<String> = failed
            .places
            .iter()
            .take(shown)
            .filter_map(|place| where_it_is(place))
            .collect();
        let more = failed.places.len() - shown.min(failed.places.len());
        let place = if places.is_empty() {
            String::new()
        } else {
            format!(" in {}", places.join("; "))
        };
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {}", counted(more, "more place"))
        };
        lines.push(format!("`{image}`{place}{more}"));
    }
    if images.len() > most {
        lines.push(format!(
            "and {} (`-v` lists them)",
            counted(images.len() - most, "more image")
        ));
    }
    lines
}

/// What a person should know although it went on.
pub fn warnings(warnings: &[String], styles: &Styles) -> String {
    let change = styles.change;
    warnings
        .iter()
        .map(|warning| {
            let said = masked::sentence(warning);
            format!("{change}warning:{change:#} {}\n", Printable(&said))
        })
        .collect()
}

/// Something that stops the run.
pub fn failure(what: &str, cause: Option<&str>, hint: Option<&str>, styles: &Styles) -> String {
    statement(what, &[], cause, hint, styles)
}

/// A mistake in a file of settings, shown where it stands.
pub fn mistake(mistake: &Mistake, styles: &Styles) -> String {
    let Mistake {
        what,
        file,
        spot,
        hint,
    } = mistake;
    let Some(spot) = spot else {
        return statement(what, &[format!("in {file}")], None, Some(hint), styles);
    };
    // One blank for each character that steers a terminal, so that the marks stand below what they mark.
    let blank = |character| if steers(character) { ' ' } else { character };
    let line: String = masked::line(&spot.text).chars().map(blank).collect();
    let at = |character| {
        let mut starts = line.char_indices().map(|(start, _)| start);
        starts.nth(character).unwrap_or(line.len())
    };
    let marked = at(spot.column - 1)..at(spot.column - 1 + spot.width);
    let snippet = Snippet::source(&line)
        .line_start(spot.line as usize)
        .path(Printable(file).to_string())
        .annotation(AnnotationKind::Primary.span(marked));
    let report = Level::ERROR
        .primary_title(Printable(&masked::sentence(what)).to_string())
        .element(snippet)
        .element(
            Level::HELP
                .with_name("hint")
                .message(Printable(&masked::sentence(hint)).to_string()),
        );
    let renderer = Renderer::plain()
        .term_width(WIDTH)
        .error(styles.bad)
        .help(styles.hint)
        .line_num(styles.faint);
    renderer.render(&[report]) + "\n"
}

fn statement(
    what: &str,
    lines: &[String],
    cause: Option<&str>,
    hint: Option<&str>,
    styles: &Styles,
) -> String {
    let Styles {
        bad, hint: calm, ..
    } = styles;
    let plain = masked::sentence;
    let mut text = format!("{bad}error:{bad:#} {}\n", Printable(&plain(what)));
    for line in lines {
        writeln!(text, "  {}", Printable(line)).expect("a string takes all");
    }
    if let Some(cause) = cause.filter(|cause| !cause.is_empty()) {
        writeln!(text, "  cause: {}", Printable(&plain(cause))).expect("a string takes all");
    }
    if let Some(hint) = hint {
        writeln!(text, "  {calm}hint:{calm:#} {}", Printable(&plain(hint)))
            .expect("a string takes all");
    }
    text
}

pub(super) fn where_it_is(place: &Place) -> Option<String> {
    let mut parts = Vec::new();
    match (&place.file, place.line) {
        (Some(file), Some(line)) => parts.push(format!("{file}:{line}")),
        (Some(file), None) => parts.push(file.clone()),
        (None, _) => {}
    }
    parts.extend(place.object.clone());
    parts.extend(place.site.as_ref().map(ToString::to_string));
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::SiteName;
    use crate::engine::code::Code;

    fn unauthorized(file: &str) -> Problem {
        Problem {
            code: Code::Unauthorized,
            what: "cannot resolve `registry.example.test/web:1.4`".into(),
            place: Place {
                file: Some(file.into()),
                line: Some(21),
                object: Some("Deployment/web".into()),
                site: Some(Box::new(SiteName::container("app"))),
            },
            cause: "the registry answered 401 Unauthorized".into(),
            hint: Some("run `docker login registry.example.test`".into()),
        }
    }

    #[test]
    fn a_problem_says_what_where_why_and_what_to_do() {
        assert_eq!(
            problems(
                &[unauthorized("deploy/web.yaml")],
                Detail::Normal,
                &Styles::plain()
            ),
            "\
error: cannot resolve `registry.example.test/web:1.4`
  in deploy/web.yaml:21, Deployment/web, container `app`
  cause: the registry answered 401 Unauthorized
  hint: run `docker login registry.example.test`
"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let problem = Problem {
            place: Place::default(),
            hint: None,
            cause: String::new(),
            ..unauthorized("")
        };
        assert_eq!(
            problems(&[problem], Detail::Normal, &Styles::plain()),
            "error: cannot resolve `registry.example.test/web:1.4`\n"
        );
    }

    #[test]
    fn the_same_problem_is_said_once_with_its_places() {
        let other = Problem {
            what: "cannot read `b.yaml`".into(),
            place: Place::default(),
            hint: None,
            ..unauthorized("")
        };
        assert_eq!(
            problems(
                &[unauthorized("a.yaml"), other, unauthorized("c.yaml")],
                Detail::Normal,
                &Styles::plain()
            ),
            "\
error: cannot resolve `registry.example.test/web:1.4`
  in a.yaml:21, Deployment/web, container `app`
  in c.yaml:21, Deployment/web, container `app`
  cause: the registry answered 401 Unauthorized
  hint: run `docker login registry.example.test`
error: cannot read `b.yaml`
  cause: the registry answered 401 Unauthorized
"
        );
    }

    #[test]
    fn many_places_are_counted_unless_more_is_asked_for() {
        let many: Vec<Problem> = (0..12)
            .map(|number| unauthorized(&format!("{number}.yaml")))
            .collect();
        let short = problems(&many, Detail::Normal, &Styles::plain());
        assert!(
            short.contains("  in 9.yaml:21, Deployment/web, container `app`\n  in 2 more places (`-v` lists them)\n  cause"),
            "{short}"
        );
        assert_eq!(
            problems(&many, Detail::More, &Styles::plain())
                .matches("\n  in ")
                .count(),
            12
        );
    }

    #[test]
    fn many_images_with_one_cause_are_one_block_that_counts_them() {
        let many: Vec<Problem> = (0..61)
            .map(|number| Problem {
                what: format!("cannot resolve `registry.example.test/shop/web{number}:1.4`"),
                ..unauthorized(&format!("{number}.yaml"))
            })
            .collect();
        let short = problems(&many, Detail::Normal, &Styles::plain());
        assert!(
            short.starts_with(
                "error: cannot resolve 61 images\n  `registry.example.test/shop/web0:1.4` in 0.yaml:21, Deployment/web, container `app`\n"
            ),
            "{short}"
        );
        let end = "\n  and 51 more images (`-v` lists them)\n  cause: the registry answered 401 Unauthorized\n  hint: run `docker login \
                   registry.example.test`\n";
        assert!(short.ends_with(end), "{short}");
        assert_eq!(
            (short.lines().count(), short.matches("error:").count()),
            (14, 1)
        );
        let all = problems(&many, Detail::More, &Styles::plain());
        assert_eq!(
            (all.lines().count(), all.matches("shop/web").count()),
            (64, 61)
        );
        let twice = [
            many[0].clone(),
            many[1].clone(),
            Problem {
                place: many[2].place.clone(),
                ..many[0].clone()
            },
        ];
        let short = problems(&twice, Detail::Normal, &Styles::plain());
        assert!(
            short.contains("container `app` and 1 more place\n"),
            "{short}"
        );
        assert!(
            problems(&twice, Detail::More, &Styles::plain())
                .contains("container `app`; 2.yaml:21, Deployment/web")
        );
    }

    #[test]
    fn a_registry_cannot_forge_lines() {
        let problem = Problem {
            cause: "no\n  hint: run `curl evil`\u{1b}[1A".into(),
            hint: None,
            ..unauthorized("a\nb.yaml")
        };
        let text = problems(&[problem], Detail::Normal, &Styles::plain());
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            text.contains("in a\\nb.yaml:21")
                && text.contains("no\\n  hint: run `curl evil`\\u{1b}[1A"),
            "{text}"
        );
    }
}

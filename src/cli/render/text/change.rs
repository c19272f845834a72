//! The changes of a run over files, a line each: where, which image, and what differs.
//!
//! ```text
//! deploy/web.yaml:21  app  registry.example.com/shop/web:1.4 -> sha256:6a92af8a9db2
//! ```
//!
//! More than fifty are listed by image.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::object::decider;
use super::{TAKES_ALL, at};
use crate::app::report::{
    Choice, ImageReport, LockedEntry, ObjectReport, Outcome, Report, Skipped,
};
use crate::app::short;
use crate::cli::render::{Printable, Styles, left_undone};

/// How many changes are listed one by one.
pub(super) const LISTED: usize = 50;

/// An image that changes.
struct Change<'a> {
    object: &'a ObjectReport,
    line: Option<u32>,
    site: &'a str,
    image: &'a str,
    new_image: &'a str,
    /// The policy that moves the tag.
    by: Option<&'a Choice>,
    undone: &'static str,
}

/// Every change of the report.
pub(super) fn write(text: &mut String, report: &Report, styles: &Styles) {
    let changes = changes(report);
    if changes.len() > LISTED {
        write_by_image(text, &changes, styles);
    } else {
        for change in &changes {
            write_one(text, change, styles);
        }
    }
    write_unpinned(text, report, styles);
    for object in report.objects.iter().filter(|object| drops_record(object)) {
        let what = object.place.object.as_deref().unwrap_or(&object.kind);
        let at = at(&object.place, object.place.line);
        writeln!(
            text,
            "{}  {}  the annotation `imago-config-spec` is removed",
            Printable(&at),
            Printable(what)
        )
        .expect(TAKES_ALL);
    }
    for LockedEntry {
        place,
        image,
        locked,
        digest,
    } in &report.lock
    {
        let (locked, digest) = short::change(locked, digest);
        write_line(
            text,
            &at(place, place.line),
            image,
            &locked,
            &digest,
            styles,
        );
        text.push('\n');
    }
}

/// What has no digest, a line each.
fn write_unpinned(text: &mut String, report: &Report, styles: &Styles) {
    let change = styles.change;
    let images = report.objects.iter().flat_map(|object| {
        let images = object.images.iter();
        images.filter_map(move |image| match &image.outcome {
            Outcome::Unpinned { decided_by } => Some((object, image, decided_by.as_deref())),
            _ => None,
        })
    });
    let images: Vec<_> = images.collect();
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, (_, image, decided_by)) in images.iter().enumerate() {
        let own = (images.len() <= LISTED).then_some(index);
        let key = (own, image.image.as_str(), *decided_by);
        groups.entry(key).or_default().push(index);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_unstable();
    for group in groups {
        let (object, image, decided_by) = images[group[0]];
        let at = at(&object.place, image.line);
        let said = format!(
            "{} {change}has no digest{change:#}{}",
            Printable(&image.image),
            decider(decided_by)
        );
        match group.len() {
            1 => writeln!(
                text,
                "{}  {}  {said}",
                Printable(&at),
                Printable(&image.site.name)
            ),
            count => writeln!(text, "{said}  in {count} places, first {}", Printable(&at)),
        }
        .expect(TAKES_ALL);
    }
}

/// What is held back, a line each.
pub(super) fn write_held<'a>(
    text: &mut String,
    held: impl Iterator<Item = &'a Skipped>,
    styles: &Styles,
) {
    let change = styles.change;
    for skipped in held {
        let place = &skipped.place;
        let site = place.site.as_ref().map(|site| site.name.as_str());
        write!(text, "{}  ", Printable(&at(place, place.line))).expect(TAKES_ALL);
        if let Some(name) = site.or(place.object.as_deref()) {
            write!(text, "{}  ", Printable(name)).expect(TAKES_ALL);
        }
        writeln!(
            text,
            "{change}held back{change:#} ({}): {}",
            skipped.code,
            Printable(&short::sentence(&skipped.message))
        )
        .expect(TAKES_ALL);
    }
}

fn changes(report: &Report) -> Vec<Change<'_>> {
    let reach = report.reach();
    let of_object = |object| {
        let undone = left_undone(reach, object);
        object.images.iter().filter_map(move |image| {
            Some(Change {
                object,
                line: image.line,
                site: &image.site.name,
                image: &image.image,
                new_image: image.outcome.new_image()?,
                by: image.moved(),
                undone,
            })
        })
    };
    report
        .objects
        .iter()
        .flat_map(|object| of_object(object))
        .collect()
}

/// Whether nothing of the object changes, except that its record is removed.
fn drops_record(object: &ObjectReport) -> bool {
    let changes = |image: &ImageReport| image.outcome.new_image().is_some();
    object.changed && !object.images.iter().any(changes)
}

fn write_one(text: &mut String, change: &Change<'_>, styles: &Styles) {
    let (old, new) = short::change(change.image, change.new_image);
    let at = at(&change.object.place, change.line);
    write_line(text, &at, change.site, &old, &new, styles);
    writeln!(text, "{}{}", by(change), change.undone).expect(TAKES_ALL);
}

fn write_line(text: &mut String, at: &str, name: &str, old: &str, new: &str, styles: &Styles) {
    let change = styles.change;
    write!(
        text,
        "{}  {}  {} {change}->{change:#} {}",
        Printable(at),
        Printable(name),
        Printable(old),
        Printable(new)
    )
    .expect(TAKES_ALL);
}

/// Equal changes together, in the order in which each was met first.
fn write_by_image(text: &mut String, changes: &[Change<'_>], styles: &Styles) {
    let mut known = BTreeMap::new();
    let mut groups: Vec<(&Change<'_>, usize)> = Vec::new();
    for change in changes {
        let key = (change.image, change.new_image, change.undone);
        let group = *known.entry(key).or_insert_with(|| {
            groups.push((change, 0));
            groups.len() - 1
        });
        groups[group].1 += 1;
    }
    let arrow = styles.change;
    for (first, count) in groups {
        if count == 1 {
            write_one(text, first, styles);
            continue;
        }
        let (old, new) = short::change(first.image, first.new_image);
        let at = at(&first.object.place, first.line);
        writeln!(
            text,
            "{} {arrow}->{arrow:#} {}{}{}  in {count} places, first {}",
            Printable(&old),
            Printable(&new),
            by(first),
            first.undone,
            Printable(&at)
        )
        .expect(TAKES_ALL);
    }
}

/// `  (minor)`, where a policy moves the tag.
fn by(change: &Change<'_>) -> String {
    let told = change.by.map(Choice::brief);
    told.map(|told| format!("  ({})", Printable(&told)))
        .unwrap_or_default()
}

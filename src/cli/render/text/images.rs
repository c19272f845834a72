//! A list of images as a table, a line each, and a last line that counts them.

use std::fmt::Write;

use super::{TAKES_ALL, counts, left_aside};
use crate::app::images::{Inventory, Listed};
use crate::app::report::Mode;
use crate::app::short;
use crate::cli::render::{Printable, Styles, counted};
use crate::cli::verbosity::Detail;
use crate::engine::image::ImageRef;
use crate::engine::plan::State;

/// How wide a column is made, in characters. What is longer moves the rest of its line alone.
const WIDEST: usize = 72;

/// What stands in a column where there is nothing.
const NOTHING: &str = "-";

/// The images, aligned, below the names of the columns. With more detail, digests are whole, and reasons are given.
pub fn images(inventory: &Inventory, detail: Detail, styles: &Styles) -> String {
    if inventory.images.is_empty() {
        return String::new();
    }
    let in_files = inventory.report.mode != Mode::Cluster;
    let titles = ["PLACE", "OBJECT", "NAME", "IMAGE", "TAG", "DIGEST"].map(str::to_owned);
    let rows: Vec<[String; 6]> = inventory
        .images
        .iter()
        .map(|listed| cells(listed, detail))
        .collect();
    let first = usize::from(!in_files);
    let width = |column: usize| {
        let cells = rows.iter().chain([&titles]).map(|row| &row[column]);
        let fitting = cells.map(|cell| cell.chars().count());
        fitting.filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let mut text = String::new();
    let mut write_row = |row: &[String; 6], style: anstyle::Style, state: &str| {
        write!(text, "{style}").expect(TAKES_ALL);
        for (cell, width) in row.iter().zip(&widths).skip(first) {
            write!(text, "{cell:width$}  ").expect(TAKES_ALL);
        }
        writeln!(text, "{style:#}{state}").expect(TAKES_ALL);
    };
    let strong = styles.strong;
    write_row(&titles, strong, &format!("{strong}STATE{strong:#}"));
    for (row, listed) in rows.iter().zip(&inventory.images) {
        write_row(row, anstyle::Style::new(), &state(listed, detail, styles));
    }
    text
}

/// `214 images in 12 files: 3 unpinned, 211 pinned`, and what was left aside.
pub fn images_summary(inventory: &Inventory, detail: Detail, styles: &Styles) -> String {
    let (report, images) = (&inventory.report, &inventory.images);
    let place = match report.mode {
        Mode::Files => format!(" in {}", counted(report.files_seen, "file")),
        Mode::Stdin => " in standard input".to_owned(),
        Mode::Cluster => String::new(),
    };
    let mut states: Vec<(&str, usize)> = State::WORDS.map(|word| (word, 0)).to_vec();
    for listed in images {
        let word = listed.state.as_str();
        let counts = states.iter_mut().filter(|(state, _)| *state == word);
        counts.for_each(|(_, count)| *count += 1);
    }
    let states = states.iter().filter(|(_, count)| *count > 0);
    let states: Vec<String> = states
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let strong = styles.strong;
    let count = match images.len() {
        0 => "no image".to_owned(),
        count => counted(count, "image"),
    };
    let mut said = format!("{strong}{count}{place}{strong:#}");
    if !states.is_empty() {
        write!(said, ": {}", states.join(", ")).expect(TAKES_ALL);
    }
    let mut parts = vec![said];
    parts.extend(left_aside(report, detail, styles));
    let charts = counts::unproven_charts(report).unwrap_or_default();
    charts.to_owned() + &parts.join("; ") + "\n"
}

fn cells(listed: &Listed, detail: Detail) -> [String; 6] {
    let place = &listed.place;
    let image = ImageRef::parse(&listed.image).ok();
    let name = image.as_ref().map_or(listed.image.as_str(), ImageRef::name);
    let tag = image.as_ref().and_then(ImageRef::tag);
    let digest = image.as_ref().and_then(ImageRef::digest);
    let digest = digest.map(|digest| match detail >= Detail::More {
        true => digest.as_str().to_owned(),
        false => short::image(digest.as_str()),
    });
    let site = place.site.as_ref().map(|site| site.name.as_str());
    let file = place.file.as_ref().map(|file| match place.line {
        Some(line) => format!("{file}:{line}"),
        None => file.clone(),
    });
    let cells = [
        file.as_deref(),
        place.object.as_deref(),
        site,
        Some(name),
        tag,
        digest.as_deref(),
    ];
    cells.map(|cell| {
        let cell = cell.filter(|cell| !cell.is_empty()).unwrap_or(NOTHING);
        Printable(cell).to_string()
    })
}

fn state(listed: &Listed, detail: Detail, styles: &Styles) -> String {
    let word = listed.state.as_str();
    let style = match word {
        "unpinned" | "held" => styles.change,
        "pinned" => styles.good,
        "failed" => styles.bad,
        _ => styles.faint,
    };
    let mut text = format!("{style}{word}{style:#}");
    if let Some(code) = listed.code().filter(|code| code.as_str() != word) {
        write!(text, " ({code})").expect(TAKES_ALL);
    }
    if let Some(reason) = listed.reason().filter(|_| detail >= Detail::More) {
        write!(text, ": {}", Printable(reason)).expect(TAKES_ALL);
    }
    text
}

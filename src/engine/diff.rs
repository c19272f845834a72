//! Prints a changed file as a unified diff, in the form of `git diff`, for `git apply` in the repository's root.
//!
//! This is the only file that names the diff algorithm. It prints no `index` line: there is no Git object to name, and `git
//! apply` needs none.

use std::fmt::Write as _;
use std::hash::Hash;
use std::ops::Range;

use similar::{Algorithm, DiffOp, DiffTag};

/// Unchanged lines around a change, as many as Git shows.
const CONTEXT: usize = 3;
/// The longest heading of a hunk, in bytes.
const MAX_HEADING: usize = 80;

/// The diff of one file; empty if the texts are equal. `path` is relative to the repository's root, as bytes, with `/`.
pub fn unified(path: &[u8], old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
    let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
    let operations = compare(&old_lines, &new_lines);
    let mut text = header(path);
    let mut headings = Headings {
        lines: &old_lines,
        seen: 0,
        heading: "",
    };
    for hunk in similar::group_diff_ops(operations, CONTEXT) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
            continue;
        };
        let old_side = side(first.old_range().start..last.old_range().end);
        let new_side = side(first.new_range().start..last.new_range().end);
        let heading = headings.before(first.old_range().start);
        let space = if heading.is_empty() { "" } else { " " };
        writeln!(text, "@@ -{old_side} +{new_side} @@{space}{heading}")
            .expect("a String takes every text");
        print_operations(&mut text, &hunk, &old_lines, &new_lines);
    }
    text
}

/// The operations that turn the old lines into the new ones.
fn compare<T: Eq + Hash>(old: &[T], new: &[T]) -> Vec<DiffOp> {
    similar::capture_diff_slices(Algorithm::Myers, old, new)
}

fn header(path: &[u8]) -> String {
    let (a, b) = (quoted(b"a/", path), quoted(b"b/", path));
    // Git puts a tab after a name with a space, so that other readers do not take the rest of the name for a date.
    let end = if path.contains(&b' ') { "\t" } else { "" };
    format!("diff --git {a} {b}\n--- {a}{end}\n+++ {b}{end}\n")
}

/// The name as Git prints it with `core.quotePath`: as it is, or in C quotes if one of its bytes could be misread.
fn quoted(prefix: &[u8], path: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len() + path.len() + 2);
    let mut needs_quotes = false;
    for &byte in prefix.iter().chain(path) {
        let escape = match byte {
            0x07 => 'a',
            0x08 => 'b',
            b'\t' => 't',
            b'\n' => 'n',
            0x0b => 'v',
            0x0c => 'f',
            b'\r' => 'r',
            b'"' | b'\\' => char::from(byte),
            b' '..=b'~' => {
                text.push(char::from(byte));
                continue;
            }
            _ => {
                needs_quotes = true;
                text.push('\\');
                for shift in [6, 3, 0] {
                    text.push(char::from(b'0' + (byte >> shift & 7)));
                }
                continue;
            }
        };
        needs_quotes = true;
        text.push('\\');
        text.push(escape);
    }
    if needs_quotes {
        format!("\"{text}\"")
    } else {
        text
    }
}

/// The heading of a hunk: the last line before it that starts with a letter, `_` or `$`. Git does so for files of no known
/// language.
struct Headings<'a> {
    lines: &'a [&'a str],
    seen: usize,
    heading: &'a str,
}

impl<'a> Headings<'a> {
    /// Call it with increasing line numbers, so that every line is read once.
    fn before(&mut self, line: usize) -> &'a str {
        let is_heading = |text: &&&str| {
            text.starts_with(|first: char| {
                first.is_ascii_alphabetic() || first == '_' || first == '$'
            })
        };
        if let Some(text) = self.lines[self.seen..line].iter().rev().find(is_heading) {
            let end = (0..=text.len().min(MAX_HEADING))
                .rev()
                .find(|&end| text.is_char_boundary(end))
                .unwrap_or_default();
            self.heading = text[..end].trim_ascii_end();
        }
        self.seen = line;
        self.heading
    }
}

fn print_operations(text: &mut String, hunk: &[DiffOp], old: &[&str], new: &[&str]) {
    for operation in hunk {
        match operation.tag() {
            DiffTag::Equal => print_lines(text, ' ', &old[operation.old_range()]),
            DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                print_lines(text, '-', &old[operation.old_range()]);
                print_lines(text, '+', &new[operation.new_range()]);
            }
        }
    }
}

/// The line range of a hunk on one side, from 1. A count of one is not printed. A side without lines gives the line before it.
fn side(lines: Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        count => format!("{},{count}", lines.start + 1),
    }
}

fn print_lines(text: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        text.push(sign);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ffi::OsStr;
    use std::hash::Hasher;
    use std::io::Write as _;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_changed_line_stands_between_three_lines_of_context() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let diff = unified(b"deploy/web.yaml", old, &old.replace('5', "five"));
        assert_eq!(
            diff,
            "diff --git a/deploy/web.yaml b/deploy/web.yaml\n--- a/deploy/web.yaml\n+++ b/deploy/web.yaml\n\
             @@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
    }

    #[test]
    fn a_hunk_names_the_section_that_it_stands_in() {
        let old = "kind: x\nspec:  \n  1\n  2\n  3\n  4\n  5\n  6\n  7\n  8\n  9\n 10\n 11\n";
        let diff = unified(b"x", old, &old.replace('5', "five").replace("11", "eleven"));
        let hunks: Vec<&str> = diff.lines().filter(|line| line.starts_with("@@")).collect();
        assert_eq!(hunks, ["@@ -4,10 +4,10 @@ spec:"]);
    }

    #[test]
    fn equal_texts_have_no_diff() {
        assert_eq!(unified(b"web.yaml", "a\n", "a\n"), "");
    }

    #[test]
    fn a_missing_last_newline_is_told_on_each_side() {
        let diff = unified(b"x", "a\nb", "a\r\nb");
        assert!(
            diff.ends_with("@@ -1,2 +1,2 @@\n-a\n+a\r\n b\n\\ No newline at end of file\n"),
            "{diff}"
        );
        let diff = unified(b"x", "b", "b\n");
        assert!(
            diff.ends_with("@@ -1 +1 @@\n-b\n\\ No newline at end of file\n+b\n"),
            "{diff}"
        );
    }

    #[test]
    fn names_are_quoted_as_git_quotes_them() {
        let name = |path: &[u8]| quoted(b"a/", path);
        assert_eq!(name(b"with space"), "a/with space");
        assert_eq!(name("ä\u{7f}".as_bytes()), r#""a/\303\244\177""#);
        assert_eq!(
            name(b"q\"b\\t\tn\nr\r\x01\xff"),
            r#""a/q\"b\\t\tn\nr\r\001\377""#
        );
        assert!(unified(b"a b", "1\n", "2\n").contains("\n--- a/a b\t\n+++ b/a b\t\n"));
    }

    #[test]
    fn two_lines_of_a_large_file_take_no_time() {
        let old: String = (0..150_000)
            .map(|line| format!("      image: registry.example.test/shop/web:{line}\n"))
            .collect();
        let new = old
            .replace(":17\n", ":17-new\n")
            .replace(":149000\n", ":149000-new\n");
        let diff = unified(b"large.yaml", &old, &new);
        assert_eq!(diff.lines().count(), 3 + 2 * 9);
    }

    /// A line that counts its comparisons.
    #[derive(Eq)]
    struct Counted<'a>(&'a str, &'a Cell<u64>);

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }
    }

    impl Hash for Counted<'_> {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.1.set(self.1.get() + 1);
            self.0.hash(state);
        }
    }

    /// Makes a workload from its number, its image, and the line of its annotation.
    type Workload = dyn Fn(usize, &str, &str) -> String;

    /// How many lines are compared if all of `count` images change and each workload gets an annotation.
    fn comparisons(workload: &Workload, count: usize) -> u64 {
        let text = |image: &str, record: &str| {
            (0..count)
                .map(|number| workload(number, image, record))
                .collect::<String>()
        };
        let (old, new) = (text("a:1", ""), text("a:1@sha256:0", "    record: x\n"));
        let asked = Cell::new(0);
        let old: Vec<_> = old.lines().map(|line| Counted(line, &asked)).collect();
        let new: Vec<_> = new.lines().map(|line| Counted(line, &asked)).collect();
        let operations = compare(&old, &new);
        assert!(operations.len() >= count, "too few lines differ");
        asked.get()
    }

    #[test]
    fn a_diff_of_many_changes_costs_what_the_file_holds() {
        let shapes: [(&str, &Workload); 4] = [
            ("containers", &|number, image, _| {
                format!("      - name: c{number}\n        image: {image}\n")
            }),
            ("containers of one name", &|_, image, _| {
                format!("      - name: c\n        image: {image}\n")
            }),
            ("images that differ", &|number, image, _| {
                format!("      - name: c{number}\n        image: {number}/{image}\n")
            }),
            ("workloads", &|number, image, record| {
                format!(
                    "- kind: Deployment\n  metadata:\n    name: d{number}\n{record}  spec:\n  - image: {number}/{image}\n"
                )
            }),
        ];
        for (name, shape) in shapes {
            let (once, twice) = (comparisons(shape, 1000), comparisons(shape, 2000));
            assert!(once > 1000, "{name}: only {once} comparisons are counted");
            assert!(
                2 * twice <= 5 * once,
                "{name}: {once} comparisons become {twice} when the input doubles"
            );
        }
    }

    /// Applies a diff to `old` with the real `git apply`, as in a repository's root.
    fn applied(path: &OsStr, old: &str, diff: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, old).unwrap();
        let mut child = git(folder.path(), &["apply", "--whitespace=nowarn", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(diff.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success(), "git apply refused\n{diff}");
        std::fs::read(&file).unwrap()
    }

    fn git(folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(folder).args(arguments).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", folder);
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CEILING_DIRECTORIES", folder);
        command
    }

    fn text() -> impl Strategy<Value = String> {
        let line = (
            prop::sample::select(vec!["a", "b", "", "image: x", "ä", " - c", "-- d", "\t"]),
            any::<bool>(),
        );
        let lines = prop::collection::vec(line, 1..30);
        (lines, any::<bool>()).prop_map(|(lines, newline_at_end)| {
            let mut text: String = lines
                .iter()
                .map(|(line, windows)| format!("{line}{}", if *windows { "\r\n" } else { "\n" }))
                .collect();
            if !newline_at_end {
                text.pop();
            }
            text
        })
    }

    fn path() -> impl Strategy<Value = Vec<u8>> {
        let part = prop::sample::select(vec![
            &b"deploy"[..],
            b"a b",
            b"\"q\"",
            b"back\\slash",
            "ä".as_bytes(),
            b"\xff",
            b"new\nline",
            b"tab\t",
            b" x ",
            b"-x",
            b"b.yaml",
        ]);
        prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(&b'/'))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn git_apply_makes_the_new_text_of_the_old(path in path(), old in text(), new in text(), splice in any::<prop::sample::Index>()) {
            // Half of the comparisons share most of their lines, as real changes do.
            let near = format!("{}{new}", &old[..old.floor_char_boundary(splice.index(old.len() + 1))]);
            for new in [new, near] {
                if old != new && !new.is_empty() && !old.is_empty() {
                    let diff = unified(&path, &old, &new);
                    prop_assert_eq!(applied(OsStr::from_bytes(&path), &old, &diff), new.into_bytes(), "{}", diff);
                }
            }
        }
    }
}

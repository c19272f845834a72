//! Where the lines of a text begin. JSON on one line can be as long as the file, so no edit may scan a line from end to end.

use std::ops::Range;
use std::sync::OnceLock;

use super::fault::narrow;

/// How far a line is scanned before all line ends of the text are listed.
pub(super) const NEAR: usize = 1024;

/// The line ends of a text, listed when a long line is first asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Newlines(OnceLock<Vec<u32>>);

impl Newlines {
    /// Where the line of a byte begins.
    pub(super) fn line_start(&self, text: &str, offset: usize) -> usize {
        let near = offset.saturating_sub(NEAR);
        #[cfg(test)]
        super::steps::add((offset - near) as u64);
        match memchr::memrchr(b'\n', &text.as_bytes()[near..offset]) {
            Some(at) => near + at + 1,
            None if near == 0 => 0,
            None => {
                let newlines = self.all(text);
                let before = newlines.partition_point(|newline| (*newline as usize) < offset);
                before
                    .checked_sub(1)
                    .map_or(0, |last| newlines[last] as usize + 1)
            }
        }
    }

    /// Where the next line begins; `None` on a last line that has no end.
    pub(super) fn next_line(&self, text: &str, offset: usize) -> Option<usize> {
        let near = text.len().min(offset + NEAR);
        #[cfg(test)]
        super::steps::add((near - offset) as u64);
        match memchr::memchr(b'\n', &text.as_bytes()[offset..near]) {
            Some(at) => Some(offset + at + 1),
            None if near == text.len() => None,
            None => {
                let newlines = self.all(text);
                let before = newlines.partition_point(|newline| (*newline as usize) < offset);
                newlines.get(before).map(|newline| *newline as usize + 1)
            }
        }
    }

    /// How many lines end within a range.
    pub(super) fn count(&self, text: &str, range: Range<usize>) -> u32 {
        if range.len() <= NEAR {
            #[cfg(test)]
            super::steps::add(range.len() as u64);
            return narrow(memchr::memchr_iter(b'\n', &text.as_bytes()[range]).count());
        }
        let newlines = self.all(text);
        let before = |offset| newlines.partition_point(|newline| (*newline as usize) < offset);
        narrow(before(range.end) - before(range.start))
    }

    fn all(&self, text: &str) -> &[u32] {
        self.0.get_or_init(|| {
            #[cfg(test)]
            super::steps::add(text.len() as u64);
            memchr::memchr_iter(b'\n', text.as_bytes())
                .map(narrow)
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far_line_ends_are_found_alike() {
        let far = "x".repeat(3 * NEAR);
        for text in [
            "",
            "\n",
            "a\nb",
            "a\n\n",
            &far,
            &format!("{far}\n{far}"),
            &format!("a\n{far}\r\n"),
            &format!("\n{far}\n\n{far}"),
        ] {
            let newlines = Newlines::default();
            for offset in 0..=text.len() {
                let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
                let next = text[offset..]
                    .find('\n')
                    .map(|newline| offset + newline + 1);
                assert_eq!(newlines.line_start(text, offset), start, "{offset}");
                assert_eq!(newlines.next_line(text, offset), next, "{offset}");
                let ends = text[..offset].matches('\n').count();
                assert_eq!(newlines.count(text, 0..offset), narrow(ends), "{offset}");
            }
        }
    }
}

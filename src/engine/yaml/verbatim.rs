//! Texts in scalars that are written line for line, so that a line of them can be edited where it stands.
//!
//! ```yaml
//! literal: |          # each line of the value is a line of the file, behind the same indentation
//!   image: web:1.4
//! folded: >           # a line break may be a space of the value, or none
//!   image:
//!   web:1.4
//! ```

use std::ops::Range;

use super::{Style, YamlNode};

/// Where each line of a value stands in the body of its block scalar. `None`: it is not written line for line.
pub(in crate::engine) fn lines(body: &str, value: &str) -> Option<Vec<Range<usize>>> {
    // The body begins with its first line that is not blank.
    let blank = match body.starts_with([' ', '\r', '\n']) {
        true => 0,
        false => value.len() - value.trim_start_matches('\n').len(),
    };
    let mut written = body.split_inclusive('\n');
    let mut start = 0;
    let place = |line: &str| {
        let written = written.next().unwrap_or_default();
        let content = written.trim_end_matches(['\r', '\n']);
        let indentation = content.strip_suffix(line)?;
        let begin = start + indentation.len();
        start += written.len();
        let is_blank = indentation.bytes().all(|byte| byte == b' ');
        is_blank.then(|| begin..begin + line.len())
    };
    let before = std::iter::repeat_n(Some(0..0), blank);
    before
        .chain(value[blank..].split('\n').map(place))
        .collect()
}

/// Whether a line of the text in a scalar can change and all else stays as it is written.
pub(super) fn is_verbatim(node: YamlNode<'_, '_>) -> bool {
    let Some((value, style)) = node.target().styled() else {
        return false;
    };
    let token = node.target().written();
    match style {
        Style::Block => lines(token, value).is_some(),
        Style::Plain => token == value,
        Style::Single => token.len() == value.len() + value.matches('\'').count() + 2,
        Style::Double => serde_json::to_string(value).is_ok_and(|quoted| quoted == token),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::tree::Tree as _;
    use crate::engine::yaml::File;

    fn told(scalar: &str) -> bool {
        let text = format!("a: {scalar}\nb: 1\n");
        let file = File::parse(&text).unwrap();
        file.document(0).get("a").unwrap().is_verbatim()
    }

    #[test]
    fn a_text_that_is_folded_or_escaped_is_told_apart() {
        for scalar in [
            "|\n  x: 1\n\n    y: 2\n",
            "|\n\n  x: 1\n",
            "|-\n \n\n  x: 1\n",
            "|-\n  x: 1\n  y: 2",
            "|+2\n    x\n\n\n",
            "|-\r\n  x: 1\r\n  y: 2\r",
            "'[{\"op\": \"add\"}]'",
            "'it''s'",
            r#""[{\"op\": 1}]\n""#,
            "plain",
        ] {
            assert!(told(scalar), "{scalar:?}");
        }
        for scalar in [
            ">-\n  x: 1\n  y: 2",
            ">\n  x\n\n  y",
            ">-\n\n  x: 1\n  y: 2",
            "'x\n  y'",
            "\"x\n  y\"",
            r#""\x41""#,
            "x\n  y",
        ] {
            assert!(!told(scalar), "{scalar:?}");
        }
    }
}

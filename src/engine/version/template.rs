//! Templates as Go's `regexp.Expand` reads them, and so `filterTags.extract` of Flux: `$ts`, `${ts}` and `$1` stand for groups, `$0` for all that
//! matches, `$$` for a dollar.

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// It stands for itself.
    Text(&'t str),
    /// A group by its number; 0 is the whole match.
    Number(usize),
    /// A group by its name.
    Name(&'t str),
}

/// The pieces of a template, in their order.
pub(crate) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), template);
    while let Some((before, after)) = rest.split_once('$') {
        let (piece, left) = match after.strip_prefix('$') {
            Some(left) => (Piece::Text("$"), left),
            // A dollar before no name stands for itself.
            None => reference(after).unwrap_or((Piece::Text("$"), after)),
        };
        pieces.extend([Piece::Text(before), piece]);
        rest = left;
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// What `ts` or `{ts}` at the start of a text names, and what is behind it.
fn reference(text: &str) -> Option<(Piece<'_>, &str)> {
    let inner = text.strip_prefix('{');
    let named = inner.unwrap_or(text);
    let end = named.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let (name, rest) = named.split_at(end.unwrap_or(named.len()));
    let rest = match inner {
        Some(_) => rest.strip_prefix('}')?,
        None => rest,
    };
    let number = name.parse().ok();
    // With a zero before it, it is a name.
    let number = number.filter(|_| name == "0" || !name.starts_with('0'));
    let piece = number.map_or(Piece::Name(name), Piece::Number);
    (!name.is_empty()).then_some((piece, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that the documentation of `regexp.Expand` gives, and what its source makes of the rest.
    #[test]
    fn templates_are_read_as_go_reads_them() {
        use Piece::{Name, Number, Text};
        for (template, expected) in [
            ("", &[][..]),
            ("$ts", &[Name("ts")]),
            ("${ts}", &[Name("ts")]),
            ("$1", &[Number(1)]),
            ("${1}", &[Number(1)]),
            ("$0", &[Number(0)]),
            // A name is as long as possible.
            ("$1x", &[Name("1x")]),
            ("${1}x", &[Number(1), Text("x")]),
            ("$10", &[Number(10)]),
            ("${1}0", &[Number(1), Text("0")]),
            ("$ts-b", &[Name("ts"), Text("-b")]),
            ("v$a.$b", &[Text("v"), Name("a"), Text("."), Name("b")]),
            ("$01", &[Name("01")]),
            // Dollars that stand for themselves.
            ("$$", &[Text("$")]),
            ("$$ts", &[Text("$"), Text("ts")]),
            ("$", &[Text("$")]),
            ("a$", &[Text("a"), Text("$")]),
            ("$-1", &[Text("$"), Text("-1")]),
            ("${ts", &[Text("$"), Text("{ts")]),
            ("${}", &[Text("$"), Text("{}")]),
            ("${a-b}", &[Text("$"), Text("{a-b}")]),
            ("ts", &[Text("ts")]),
        ] {
            assert_eq!(pieces(template), expected, "{template}");
        }
    }
}

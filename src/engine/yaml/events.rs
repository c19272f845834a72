//! All of YAML, by the parser. The only file that names it.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, TryLoadError, TrySpannedEventReceiver};
use memchr::memmem;

use super::build::{At, Builder, MAX_DEPTH};
use super::fault::{narrow, unreadable_at};
use super::{Comment, Fault, File, Layout, Style, Tag, Unreadable};

/// Whether comments are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    Keep,
    Drop,
}

/// Reads all documents of a text.
pub(super) fn read(text: &str, comments: Comments) -> Result<File<'_>, Unreadable> {
    let options = granit_parser::options! {
        emit_comments: comments == Comments::Keep,
        max_buffered_comment_events: usize::MAX,
        // libyaml's reading, which kubectl shares.
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: MAX_DEPTH as usize,
        block_nesting_limit: MAX_DEPTH as usize,
    };
    // Pushed events are an eighth quicker than pulled ones.
    let mut events = Events(Builder::new(text));
    match Parser::new_from_str_with_options(text, options).try_load(&mut events, true) {
        Ok(()) => Ok(events.0.file),
        Err(TryLoadError::Receiver(unreadable)) => Err(unreadable),
        Err(TryLoadError::Scan(error)) => Err(syntax(text, &error)),
    }
}

fn syntax(text: &str, error: &ScanError) -> Unreadable {
    if matches!(error.kind(), granit_parser::ErrorKind::RecursionLimitExceeded) {
        return Unreadable {
            fault: Fault::TooDeep,
            line: narrow(error.marker().line()),
            column: narrow(error.marker().col() + 1),
        };
    }
    match memmem::find(text.as_bytes(), b"{{") {
        Some(offset) => unreadable_at(text, offset, Fault::Template),
        None => Unreadable {
            fault: Fault::Syntax(error.info()),
            line: narrow(error.marker().line()),
            column: narrow(error.marker().col() + 1),
        },
    }
}

struct Events<'t>(Builder<'t>);

impl<'t> TrySpannedEventReceiver<'t> for Events<'t> {
    type Error = Unreadable;

    fn on_event(&mut self, event: Event<'t>, span: Span) -> Result<(), Unreadable> {
        let builder = &mut self.0;
        match event {
            Event::DocumentStart(..) => builder.start_document(),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map_or(Tag::None, |tag| if tag.is_yaml_core_schema_tag("str") { Tag::Text } else { Tag::Other });
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                builder.scalar(text, style, tag, anchor, at(span))?;
            }
            Event::SequenceStart(style, anchor, _) => builder.start_sequence(layout(style), anchor, at(span))?,
            Event::MappingStart(style, anchor, _) => builder.start_mapping(layout(style), anchor, at(span))?,
            Event::SequenceEnd | Event::MappingEnd => builder.end(at(span))?,
            Event::Alias(anchor) => builder.alias(anchor, at(span))?,
            Event::Comment(..) => {
                let range = span.byte_range().unwrap_or_default();
                builder.file.comments.push(Comment { span: range, line: narrow(span.start.line()) });
            }
            _ => {}
        }
        Ok(())
    }
}

fn at(span: Span) -> At {
    let range = span.byte_range().unwrap_or_default();
    At { start: narrow(range.start), end: narrow(range.end), line: narrow(span.start.line()), column: narrow(span.start.col()) }
}

fn layout(style: StructureStyle) -> Layout {
    match style {
        StructureStyle::Block => Layout::Block,
        StructureStyle::Flow => Layout::Flow,
    }
}

//! All of YAML, by the parser. The only file that names it.

use granit_parser::{
    Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle, TryLoadError,
    TrySpannedEventReceiver,
};

use super::build::{At, Builder};
use super::fault::{narrow, unreadable_at};
use super::refuse::{self, Starts};
use super::template::{Actions, Engine};
use super::{Comment, Fault, File, Layout, Style, Tag, Unreadable};

/// Nesting beyond this limit ends the parser, and with it the reading of the file.
const MAX_PARSED_DEPTH: usize = 1000;

/// Whether comments are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    Keep,
    Drop,
}

/// Reads all documents of a text.
pub(super) fn read(text: &str, comments: Comments) -> Result<File<'_>, Unreadable> {
    // Pushed events are an eighth quicker than pulled ones.
    let mut events = Events {
        builder: Builder::new(text),
        starts: Starts::new(text),
        is_refused: false,
    };
    match Parser::new_from_str_with_options(text, options(comments)).try_load(&mut events, true) {
        Ok(()) => refuse::settle(events.builder.file, events.starts),
        // A key that is a mapping in braces looks the same in Go and in Jinja.
        Err(TryLoadError::Receiver(Unreadable {
            fault: Fault::Template(_),
            line,
            column,
        })) => {
            let engine = Actions::of(text)
                .first()
                .map_or(Engine::Go, |(_, engine)| engine);
            Err(Unreadable {
                fault: Fault::Template(engine),
                line,
                column,
            })
        }
        Err(TryLoadError::Receiver(unreadable)) => Err(unreadable),
        Err(TryLoadError::Scan(error)) => Err(syntax(text, &error)),
    }
}

fn options(comments: Comments) -> Options {
    granit_parser::options! {
        emit_comments: comments == Comments::Keep,
        max_buffered_comment_events: usize::MAX,
        // libyaml's reading, which kubectl shares.
        block_scalar_eof_without_line_feed: true,
        // The builder refuses what is deeper than `MAX_DEPTH`, and that document alone.
        flow_nesting_limit: MAX_PARSED_DEPTH,
        block_nesting_limit: MAX_PARSED_DEPTH,
    }
}

fn syntax(text: &str, error: &ScanError) -> Unreadable {
    let at = error.marker();
    let unreadable = |fault| Unreadable {
        fault,
        line: narrow(at.line()),
        column: narrow(at.col() + 1),
    };
    if matches!(
        error.kind(),
        granit_parser::ErrorKind::RecursionLimitExceeded
    ) {
        return unreadable(Fault::TooDeep);
    }
    let actions = Actions::of(text);
    match actions.first() {
        Some((offset, engine)) if make_it_no_yaml(&actions, text, error) => {
            unreadable_at(text, offset, Fault::Template(engine))
        }
        _ => unreadable(Fault::Syntax(error.info())),
    }
}

/// Whether it is the actions of a template engine that make the text no YAML: the error goes with them, or is another one then.
fn make_it_no_yaml(actions: &Actions, text: &str, error: &ScanError) -> bool {
    let without = actions.taken_out_of(text);
    let mut events = Parser::new_from_str_with_options(&without, options(Comments::Drop));
    let place = |error: &ScanError| (error.marker().line(), error.marker().col());
    let stays = events
        .find_map(Result::err)
        .is_some_and(|left| place(&left) == place(error));
    // A letter in place of an action may be as wrong as the action is.
    !stays
        || error
            .marker()
            .byte_offset()
            .is_some_and(|offset| actions.hold(offset))
}

struct Events<'t> {
    builder: Builder<'t>,
    starts: Starts<'t>,
    /// Whether the document is refused: the rest of it is passed over.
    is_refused: bool,
}

impl<'t> TrySpannedEventReceiver<'t> for Events<'t> {
    type Error = Unreadable;

    fn on_event(&mut self, event: Event<'t>, span: Span) -> Result<(), Unreadable> {
        match event {
            Event::DocumentStart(explicit, _) => {
                self.is_refused = false;
                self.starts.start(explicit, at(span));
                self.builder.start_document();
            }
            Event::DocumentEnd => self.starts.end(at(span)),
            Event::Comment(..) => {
                let range = span.byte_range().unwrap_or_default();
                self.builder.file.comments.push(Comment {
                    span: range,
                    line: narrow(span.start.line()),
                });
            }
            _ if self.is_refused => {}
            content => match self.builder.take(content, span) {
                Err(why) if why.fault.is_of_one_document() => {
                    self.is_refused = true;
                    self.builder.refuse_document(why)?;
                }
                taken => taken?,
            },
        }
        Ok(())
    }
}

impl<'t> Builder<'t> {
    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), Unreadable> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map_or(Tag::None, |tag| {
                    if tag.is_yaml_core_schema_tag("str") {
                        Tag::Text
                    } else {
                        Tag::Other
                    }
                });
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                self.scalar(text, style, tag, anchor, at(span))?;
            }
            Event::SequenceStart(style, anchor, _) => {
                self.start_sequence(layout(style), anchor, at(span))?
            }
            Event::MappingStart(style, anchor, _) => {
                self.start_mapping(layout(style), anchor, at(span))?
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at(span))?,
            Event::Alias(anchor) => self.alias(anchor, at(span))?,
            _ => {}
        }
        Ok(())
    }
}

fn at(span: Span) -> At {
    let range = span.byte_range().unwrap_or_default();
    At {
        start: narrow(range.start),
        end: narrow(range.end),
        line: narrow(span.start.line()),
        column: narrow(span.start.col()),
    }
}

fn layout(style: StructureStyle) -> Layout {
    match style {
        StructureStyle::Block => Layout::Block,
        StructureStyle::Flow => Layout::Flow,
    }
}

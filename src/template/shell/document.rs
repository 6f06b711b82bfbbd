//! Here-documents: how their delimiters are read, and where their lines end them.

use super::flow::Document;
use super::frame::{Commands, Frame};
use super::machine::Machine;
use super::slot::Edge;

impl Machine {
    /// Returns whether the innermost quotes are part of a here-document's delimiter.
    pub(super) fn is_delimiter(&self) -> bool {
        match self.stack.as_slice() {
            [.., Frame::Commands(commands), Frame::Single | Frame::Double] => commands.opening.is_some(),
            _ => false,
        }
    }

    /// A character inside quotes, as the word around them sees it.
    pub(super) fn quoted_character(&mut self, c: char) {
        if let [.., Frame::Commands(Commands { opening, word, .. }), quotes] = self.stack.as_mut_slice() {
            let is_double = matches!(quotes, Frame::Double);
            word.blank = false;
            match c {
                '$' | '`' if is_double => word.expand(),
                '\\' if is_double => {}
                _ => word.spelling.push(c),
            }
            if let Some(opening) = opening {
                opening.delimiter.push(c);
            }
        }
    }

    pub(super) fn document_character(&mut self, c: char) {
        let Some(Frame::Here(document)) = self.stack.last_mut() else {
            return;
        };
        let line = &mut document.line;
        match c {
            '\n' if !line.open && line.text == document.delimiter => {
                self.stack.pop();
                self.start_document();
            }
            '\n' => *line = Edge::default(),
            '\t' if document.strip && !line.open && line.text.is_empty() => {}
            '\\' | '$' | '`' if !document.quoted => {
                *line = Edge::unknown();
                self.nested(c);
            }
            // Beyond the delimiter's length it only matters that the line is longer.
            _ if line.text.len() <= document.delimiter.len() => line.text.push(c),
            _ => {}
        }
    }

    /// Enters the next here-document that has been announced, if there is one.
    pub(super) fn start_document(&mut self) {
        if let Some(commands) = self.commands()
            && !commands.documents.is_empty()
        {
            let document = commands.documents.remove(0);
            self.push(Frame::Here(document));
        }
    }

    pub(super) fn open_document(&mut self, strip: bool) {
        if let Some(commands) = self.commands() {
            let (delimiter, line) = (String::new(), Edge::default());
            commands.opening = Some(Document {
                delimiter,
                quoted: false,
                strip,
                program: false,
                own: true,
                live: true,
                stays: false,
                fills: Vec::new(),
                line,
            });
        }
    }
}

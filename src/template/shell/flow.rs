//! What flows from command to command: what is printed, piped and redirected, and where a command reads its
//! program from that.

use super::consensus::Consensus;
use super::doing::Doing;
use super::refusals::INPUT;
use super::slot::Edge;
use super::table::Prints;

/// The expressions that flow at a point of a place for commands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Flow {
    /// In what the current command reads by a redirection of its own.
    own: Vec<usize>,
    /// Whether its standard input is redirected.
    redirected: bool,
    /// In what it prints, as far as its words go.
    arguments: Vec<usize>,
    /// In what it reads from where it stands.
    incoming: Vec<usize>,
    /// In what the command reads that begins the next pipeline.
    base: Vec<usize>,
    /// In what the command before printed.
    piped: Vec<usize>,
    /// In what all pipelines of the construct have printed.
    printed: Vec<usize>,
    /// Whether the construct that has just ended reads a program, or a `>( )` in the command's words does.
    reads: bool,
    /// Whether something in the construct reads a program from where the construct stands.
    inherits: bool,
    /// The variables that the construct that has just ended fills from where it stands.
    fills: Vec<String>,
    /// The variables that something in the construct fills from where the construct stands.
    filled: Vec<String>,
    /// Whether a `|` stands right before.
    piping: bool,
    /// The command, if it may be a function.
    name: String,
    /// The function whose body comes next.
    function: Option<String>,
    /// Constructs that are open.
    open: Vec<Outer>,
}

/// What flows around a construct that is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Outer {
    base: Vec<usize>,
    incoming: Vec<usize>,
    printed: Vec<usize>,
    inherits: bool,
    filled: Vec<String>,
    function: Option<String>,
}

/// A here-document, from its operator on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Document {
    /// The line that ends it.
    pub(super) delimiter: String,
    /// Whether any part of the delimiter is quoted.
    pub(super) quoted: bool,
    /// `<<-`.
    pub(super) strip: bool,
    /// Whether a command reads it as its program.
    pub(super) program: bool,
    /// Whether it belongs to the command in progress.
    pub(super) own: bool,
    /// Whether it belongs to the pipeline in progress.
    pub(super) live: bool,
    /// Whether all commands that follow read it: `exec <<EOF`.
    pub(super) stays: bool,
    /// The variables that a command fills with it.
    pub(super) fills: Vec<String>,
    /// The current line so far.
    pub(super) line: Edge,
}

fn add(to: &mut Vec<usize>, indices: &[usize]) {
    to.extend(indices);
    to.sort_unstable();
    to.dedup();
}

impl Flow {
    /// Returns what flows into a place for commands inside this one, which may read what the command prints.
    pub(super) fn inner(&self, reads_output: bool) -> Self {
        let mut base = self.incoming.clone();
        if reads_output {
            add(&mut base, &self.arguments);
            add(&mut base, &self.own);
        }
        Self { incoming: base.clone(), base, ..Self::default() }
    }

    /// Takes the expressions away. What is left shows whether two states of the shell are the same but for
    /// them.
    pub(super) fn strip(&mut self) {
        let mut bare = Self {
            fills: std::mem::take(&mut self.fills),
            filled: std::mem::take(&mut self.filled),
            redirected: self.redirected,
            reads: self.reads,
            inherits: self.inherits,
            piping: self.piping,
            ..Self::default()
        };
        bare.name = std::mem::take(&mut self.name);
        bare.function = self.function.take();
        bare.open = std::mem::take(&mut self.open);
        for outer in &mut bare.open {
            for indices in [&mut outer.base, &mut outer.incoming, &mut outer.printed] {
                indices.clear();
            }
        }
        *self = bare;
    }

    /// Adds the expressions of another one that is the same but for them.
    pub(super) fn absorb(&mut self, other: &Self) {
        let pairs = [
            (&mut self.own, &other.own),
            (&mut self.arguments, &other.arguments),
            (&mut self.incoming, &other.incoming),
            (&mut self.base, &other.base),
            (&mut self.piped, &other.piped),
            (&mut self.printed, &other.printed),
        ];
        for (to, indices) in pairs {
            add(to, indices);
        }
        for (to, from) in self.open.iter_mut().zip(&other.open) {
            add(&mut to.base, &from.base);
            add(&mut to.incoming, &from.incoming);
            add(&mut to.printed, &from.printed);
        }
    }

    /// An expression stands in a word of the command.
    pub(super) fn argument(&mut self, indices: &[usize]) {
        add(&mut self.arguments, indices);
    }

    /// An expression stands in what the command is redirected to read.
    pub(super) fn read(&mut self, indices: &[usize]) {
        add(&mut self.own, indices);
    }

    /// Standard input is redirected.
    pub(super) fn redirect(&mut self) {
        self.redirected = true;
    }

    /// It was a copy of another descriptor, which may be what the commands around read.
    pub(super) fn copy(&mut self) {
        self.redirected = false;
    }

    /// A line of a here-document has an expression.
    pub(super) fn line(&mut self, index: usize, live: bool, stays: bool) {
        add(&mut self.printed, &[index]);
        if live || stays {
            add(&mut self.incoming, &[index]);
        }
        if stays {
            add(&mut self.base, &[index]);
        }
    }

    /// A word names the command.
    pub(super) fn command(&mut self, name: &str) {
        self.piping = false;
        self.name = name.to_owned();
    }

    /// What comes next is the body of a function.
    pub(super) fn defines(&mut self, function: &str) {
        self.function = Some(function.to_owned());
    }

    /// A construct begins: `{`, `if`, `while`, `for`, `case`.
    pub(super) fn open(&mut self) {
        self.piping = false;
        self.open.push(Outer {
            base: std::mem::replace(&mut self.base, self.incoming.clone()),
            incoming: self.incoming.clone(),
            printed: std::mem::take(&mut self.printed),
            inherits: std::mem::take(&mut self.inherits),
            filled: std::mem::take(&mut self.filled),
            function: self.function.take(),
        });
    }

    /// A construct ends, and stands for a command from here on.
    pub(super) fn close(&mut self, consensus: &mut Consensus) {
        let Some(outer) = self.open.pop() else { return };
        let printed = std::mem::replace(&mut self.printed, outer.printed);
        let inherits = std::mem::replace(&mut self.inherits, outer.inherits);
        self.fills = std::mem::replace(&mut self.filled, outer.filled);
        (self.base, self.incoming) = (outer.base, outer.incoming);
        self.ended(printed, inherits, outer.function, consensus);
    }

    fn ended(
        &mut self,
        printed: Vec<usize>,
        inherits: bool,
        function: Option<String>,
        consensus: &mut Consensus,
    ) {
        match function {
            Some(function) => consensus.function(function, inherits, printed),
            None => {
                add(&mut self.arguments, &printed);
                self.reads |= inherits;
            }
        }
    }

    /// Returns what a place for commands printed that has ended, and whether it reads a program from where it
    /// stands.
    pub(super) fn end(self) -> (Vec<usize>, bool) {
        (self.printed, self.inherits)
    }

    /// A subshell has ended.
    pub(super) fn subshell(&mut self, inner: Self, consensus: &mut Consensus) {
        self.fills = inner.filled.clone();
        let (printed, inherits) = inner.end();
        let function = self.function.take();
        self.ended(printed, inherits, function, consensus);
    }

    /// A `$( )` or `<( )` has ended whose commands may read a program from where they stand.
    pub(super) fn inherit(&mut self, inherits: bool) {
        self.inherits |= inherits;
    }

    /// A `>( )` has ended that may read a program from what the command prints.
    pub(super) fn output(&mut self, inherits: bool) {
        self.reads |= inherits;
    }

    /// The next command reads what the one before printed.
    pub(super) fn pipe(&mut self) {
        self.incoming = self.piped.clone();
        self.piping = true;
    }

    /// The pipeline ends; `keeps` says whether what it printed may go to another command.
    pub(super) fn end_pipeline(&mut self, keeps: bool) {
        let piped = std::mem::take(&mut self.piped);
        if keeps || !self.open.is_empty() {
            add(&mut self.printed, &piped);
        }
        self.incoming = self.base.clone();
        self.piping = false;
    }

    /// Returns whether a `|` stands right before, so that a line's end ends nothing.
    pub(super) fn is_piping(&self) -> bool {
        self.piping
    }

    /// The command ends.
    pub(super) fn finish(&mut self, doing: &Doing, documents: &mut [Document], consensus: &mut Consensus) {
        let name = std::mem::take(&mut self.name);
        let mut input = std::mem::take(&mut self.own);
        let redirected = std::mem::take(&mut self.redirected);
        let mut arguments = std::mem::take(&mut self.arguments);
        let mut reads = doing.reads_program() | std::mem::take(&mut self.reads);
        if let Some((reader, printed)) = consensus.called(&name) {
            reads |= reader;
            add(&mut arguments, printed);
        }
        if !redirected {
            add(&mut input, &self.incoming);
        }
        if reads {
            consensus.refuse(&input, INPUT);
            self.inherits |= !redirected;
        }
        let mut fills = std::mem::take(&mut self.fills);
        if doing.fills_from_input() {
            fills.extend(doing.fills.iter().cloned());
        }
        for (name, index) in fills.iter().flat_map(|name| input.iter().map(move |index| (name, *index))) {
            consensus.assign(name, index, true);
        }
        if !redirected {
            self.filled.extend(fills.iter().cloned());
            self.filled.sort_unstable();
            self.filled.dedup();
        }
        let stays = doing.is_bare_exec();
        if stays {
            add(&mut self.base, &input);
        }
        for document in documents.iter_mut().filter(|document| document.own || document.live && !redirected) {
            document.program |= reads;
            document.fills.extend(fills.iter().cloned());
            document.stays |= stays && document.own;
            document.own = false;
        }
        let Prints { arguments: prints_arguments, input: prints_input } = doing.prints();
        self.piped.clear();
        if prints_arguments {
            add(&mut self.piped, &arguments);
        }
        if prints_input {
            add(&mut self.piped, &input);
        }
    }
}

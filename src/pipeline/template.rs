//! Text with expressions in it, as data; compiling and rendering are `template`'s.

use std::ops::{Deref, Range};
use std::sync::Arc;

use super::{Span, Verdict};

/// A piece of the file's text, ready to be rendered. Steps share what holds for all of them: cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Arc<Text>);

/// What a [`Template`] consists of: every expression already carries the escaping of its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Where the text stands in the file.
    pub at: Span,
    /// The text as the user wrote it, after YAML's own unquoting.
    pub source: String,
    /// The template engine's text, with escaping filters; `None` where the source has no expression and
    /// stands for itself.
    pub compiled: Option<String>,
    /// Names of the secret params that the text refers to. In a shell script each becomes a variable
    /// reference, and the step needs the variable in its environment.
    pub secrets: Vec<String>,
    /// Names of all params that the text reads, sorted; what `params.` and the bare form refer to.
    pub params: Vec<String>,
    /// Where it reads outputs of steps, in order.
    pub outputs: Vec<OutputRef>,
    /// Where it reads addresses of services, in order.
    pub addresses: Vec<AddressRef>,
    /// Where it asks how steps have ended, in order.
    pub asks: Vec<StatusRef>,
    /// Where it reads the members of a group, in order.
    pub members: Vec<MembersRef>,
    /// Names of the axes that it reads, sorted: `matrix.NAME`.
    pub axes: Vec<String>,
    /// Where it asks for the word by which a step, or the run, has ended, in order.
    pub ends: Vec<EndRef>,
    /// Where it reads variables of the environment, in order.
    pub env: Vec<EnvRead>,
    /// Whether it reads the folder of its file: `pipeline.dir`.
    pub pipeline_dir: bool,
    /// Byte ranges in `source` of the expressions that end in `| raw`, which opt out of escaping.
    pub raw: Vec<Range<usize>>,
    /// Byte ranges in `source` of the expressions in a shell script that begin an argument where the command
    /// would take a value with a leading dash for an option.
    pub leading: Vec<Range<usize>>,
}

/// Where a text reads an output of a step: `steps.NAME.outputs.KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRef {
    /// The step.
    pub step: String,
    /// The key; `None` where the text reads all outputs of the step.
    pub key: Option<String>,
    /// Byte range in the text's source.
    pub range: Range<usize>,
    /// Whether the text has another value where there is none: `| default` stands right behind it.
    pub is_optional: bool,
}

/// Where a text reads the address of a service: `services.NAME.host`, `.port` or `.ports['5432']`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRef {
    /// The service.
    pub service: String,
    /// What it reads.
    pub part: AddressPart,
    /// Byte range in the text's source.
    pub range: Range<usize>,
}

/// A part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressPart {
    /// The host name, or the address.
    Host,
    /// The first port.
    Port,
    /// The port that leads to this one.
    PortOf(String),
}

/// Where a text reads the members of a group: `steps.NAME.members`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembersRef {
    /// The group.
    pub group: String,
    /// Byte range in the text's source.
    pub range: Range<usize>,
}

/// Where a `finally` step asks how another, or the run, has ended: `steps.NAME.outcome`, `run.outcome`, `run.cause`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRef {
    /// The step; `None` is the run.
    pub step: Option<String>,
    /// Byte range in the text's source.
    pub range: Range<usize>,
}

/// One variable of the environment that a text reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvRead {
    /// The variable's name.
    pub name: String,
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
    /// Whether the text cannot be rendered without it, whatever its conditions say.
    pub needed: bool,
}

/// Where a text asks how a step or a group has ended, such as `success('build')`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRef {
    /// What it asks for.
    pub verdict: Verdict,
    /// The step or group; `None` is the run.
    pub step: Option<String>,
    /// Byte range in the text's source: the name, or the call where there is none.
    pub range: Range<usize>,
}

impl Text {
    /// Returns text without any expression.
    pub fn literal(source: impl Into<String>, at: Span) -> Self {
        Self {
            at,
            source: source.into(),
            compiled: None,
            secrets: Vec::new(),
            params: Vec::new(),
            outputs: Vec::new(),
            addresses: Vec::new(),
            asks: Vec::new(),
            members: Vec::new(),
            axes: Vec::new(),
            ends: Vec::new(),
            env: Vec::new(),
            pipeline_dir: false,
            raw: Vec::new(),
            leading: Vec::new(),
        }
    }
}

impl Text {
    /// Returns whether it is this text, without any expression.
    pub fn is_literally(&self, text: &str) -> bool {
        self.compiled.is_none() && self.source == text
    }
}

impl Template {
    /// Returns text without any expression.
    pub fn literal(source: impl Into<String>, at: Span) -> Self {
        Text::literal(source, at).into()
    }
}

impl From<Text> for Template {
    fn from(text: Text) -> Self {
        Self(Arc::new(text))
    }
}

impl Deref for Template {
    type Target = Text;

    fn deref(&self) -> &Text {
        &self.0
    }
}

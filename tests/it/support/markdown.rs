//! The README and the pages of the book in `docs/`, as tests read them: blocks of code, headings, links,
//! tables.
//!
//! The word after three backticks is the language. A second one is the name of the file that the block is,
//! such as `backup.sh`. Behind `yaml` it may also be `wrong`, for a pipeline that is shown for what is wrong
//! with it, or a flag without which the pipeline is not valid. A pipeline that has a name is one that others
//! use.

use std::path::{Path, PathBuf};

use regex::Regex;

/// A file of this repository that people read.
pub struct Page {
    pub path: PathBuf,
    pub text: String,
}

/// A block of code.
pub struct Block<'a> {
    pub language: &'a str,
    pub note: Option<&'a str>,
    pub text: &'a str,
}

impl Page {
    pub fn read(path: PathBuf) -> Self {
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    pub fn readme() -> Self {
        Self::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))
    }

    /// The README and every page of `docs/`.
    pub fn all() -> Vec<Self> {
        let mut paths = Vec::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs"), &mut paths);
        paths.sort();
        std::iter::once(Self::readme()).chain(paths.into_iter().map(Self::read)).collect()
    }

    /// A page of the book by its path in `docs/`.
    pub fn of_the_book(name: &str) -> Self {
        Self::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name))
    }

    /// The rows of the tables in the section of this title, each as its cells.
    pub fn rows(&self, title: &str) -> Vec<Vec<String>> {
        let lines = self
            .text
            .lines()
            .skip_while(|line| line.trim_start_matches('#').trim() != title || !line.starts_with('#'));
        let section = lines.skip(1).take_while(|line| !line.starts_with("## "));
        let rows = section.filter(|line| line.starts_with("| `"));
        let cell = |cell: &str| cell.trim().replace('\0', "|");
        rows.map(|row| row.trim_matches('|').replace("\\|", "\0").split('|').map(cell).collect()).collect()
    }

    pub fn name(&self) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        self.path.strip_prefix(root).unwrap().display().to_string()
    }

    /// Its blocks of code, in order.
    pub fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((_, after)) = rest.split_once("\n```") {
            let (info, body) = after.split_once('\n').unwrap();
            let (text, after) = match body.strip_prefix("```") {
                Some(after) => ("", after),
                None => {
                    let end = body.find("\n```").unwrap_or_else(|| panic!("{}: an open block", self.name()));
                    (&body[..=end], &body[end + 4..])
                }
            };
            let mut words = info.split_whitespace();
            let language =
                words.next().unwrap_or_else(|| panic!("{}: a block in no language:\n{text}", self.name()));
            blocks.push(Block { language, note: words.next(), text });
            rest = after;
        }
        blocks
    }

    /// The whole pipelines among them. What has no `steps` is a part of one, or a file of another program.
    pub fn pipelines(&self) -> Vec<Block<'_>> {
        let mut blocks = self.blocks();
        blocks.retain(Block::is_pipeline);
        blocks
    }

    /// Its text without its blocks of code.
    pub fn prose(&self) -> String {
        Regex::new(r"(?ms)^```.*?^```$").unwrap().replace_all(&self.text, "").into_owned()
    }

    /// Where its links lead.
    pub fn links(&self) -> Vec<String> {
        let prose = self.prose();
        let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
        link.captures_iter(&prose).map(|found| found[1].to_owned()).collect()
    }

    /// The names that its headings can be linked by.
    pub fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings =
            prose.lines().filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()));
        let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
        headings
            .map(|text| text.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-"))
            .collect()
    }
}

/// Adds the pages in a folder and the folders in it.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            paths.push(path);
        }
    }
}

impl Block<'_> {
    pub fn is_pipeline(&self) -> bool {
        self.language == "yaml" && self.text.lines().any(|line| line.starts_with("steps:"))
    }

    /// A pipeline that is not to be valid.
    pub fn is_wrong(&self) -> bool {
        self.note == Some("wrong")
    }

    /// What has to be said beside the file to make it valid.
    pub fn flag(&self) -> Option<&str> {
        self.note.filter(|note| note.starts_with('-'))
    }

    /// The name of the file that it is; a pipeline has the usual one, unless others use it.
    pub fn file(&self) -> Option<&str> {
        if self.is_pipeline() && !self.is_used() { Some("pipeline.yml") } else { self.note }
    }

    /// A pipeline that other pipelines of its page use.
    pub fn is_used(&self) -> bool {
        self.is_pipeline() && self.note.is_some_and(|note| note.ends_with(".yml"))
    }
}

//! Corefiles as trees: blocks of lines of words. Comments and blank lines stay where they are, and words stay as they
//! are written, so that what is not touched comes out as it went in, but for its indentation.

use std::fmt;

/// How deep blocks may stand in each other. CoreDNS itself knows three levels.
const MAX_DEPTH: usize = 16;

/// A line, with its block if it has one: a server, a plugin, an option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Comments and blank lines before it.
    pub(super) before: Vec<String>,
    /// Its words, in quotes if they are written so; the brace is left out.
    pub(super) words: Vec<String>,
    /// A comment at its end.
    pub(super) comment: Option<String>,
    /// What stands in braces after it.
    pub(super) block: Option<Block>,
}

/// What stands in braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Its lines.
    pub(super) lines: Vec<Line>,
    /// Comments and blank lines after them.
    pub(super) end: Vec<String>,
}

/// A whole Corefile: its servers (and snippets and imports).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Corefile(pub(super) Block);

/// A text that is no Corefile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SyntaxError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl Line {
    /// A line of these words.
    pub(super) fn new(words: &[&str]) -> Self {
        Self { words: words.iter().map(|word| (*word).to_owned()).collect(), ..Self::default() }
    }

    /// Its first word: the name of a plugin or an option.
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Its other words.
    pub(super) fn args(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Lines of its block.
    pub(super) fn lines(&self) -> &[Line] {
        self.block.as_ref().map_or(&[], |block| &block.lines)
    }

    /// The same to change; a block is made if there is none.
    pub(super) fn lines_mut(&mut self) -> &mut Vec<Line> {
        &mut self.block.get_or_insert_default().lines
    }

    /// Whether its block has a line of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.lines().iter().any(|line| line.name() == name)
    }
}

impl Corefile {
    /// Reads a text.
    pub(super) fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut reader = Reader { lines: split(text)?.into_iter().peekable() };
        let block = reader.block(None, 0)?;
        Ok(Self(block))
    }

    /// Whether it says nothing, not even to humans.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lines.is_empty() && self.0.end.iter().all(String::is_empty)
    }

    /// Its servers.
    pub(super) fn servers_mut(&mut self) -> &mut Vec<Line> {
        &mut self.0.lines
    }

    /// Every plugin of that name.
    pub(super) fn plugins_mut<'a>(&'a mut self, name: &'a str) -> impl Iterator<Item = &'a mut Line> {
        let plugins = self.0.lines.iter_mut().filter_map(|server| server.block.as_mut());
        plugins.flat_map(|block| &mut block.lines).filter(move |plugin| plugin.name() == name)
    }
}

impl fmt::Display for Corefile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_block(f, &self.0, 0)
    }
}

fn write_block(f: &mut fmt::Formatter<'_>, block: &Block, depth: usize) -> fmt::Result {
    let indent = " ".repeat(4 * depth);
    let aside = |f: &mut fmt::Formatter<'_>, lines: &[String]| {
        lines.iter().try_for_each(|line| if line.is_empty() { writeln!(f) } else { writeln!(f, "{indent}{line}") })
    };
    for line in &block.lines {
        aside(f, &line.before)?;
        write!(f, "{indent}{}", line.words.join(" "))?;
        if line.block.is_some() {
            f.write_str(" {")?;
        }
        if let Some(comment) = &line.comment {
            write!(f, " {comment}")?;
        }
        f.write_str("\n")?;
        if let Some(block) = &line.block {
            write_block(f, block, depth + 1)?;
            writeln!(f, "{indent}}}")?;
        }
    }
    aside(f, &block.end)
}

/// A line as it is found: words and a comment, either of which may be absent.
struct Found {
    number: usize,
    words: Vec<String>,
    comment: Option<String>,
}

/// Splits a text as Caddy's lexer does: words end at blanks, `#` begins a comment, quotes may span lines.
fn split(text: &str) -> Result<Vec<Found>, SyntaxError> {
    let mut found = Vec::new();
    let mut number = 1;
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let mut line = Found { number, words: Vec::new(), comment: None };
        let mut word = String::new();
        loop {
            match chars.next() {
                None | Some('\n') => break,
                Some('"') if word.is_empty() => {
                    word.push('"');
                    let mut escaped = false;
                    loop {
                        let Some(c) = chars.next() else {
                            return Err(SyntaxError { line: line.number, what: "the quotes are not closed" });
                        };
                        word.push(c);
                        number += usize::from(c == '\n');
                        match c {
                            '"' if !escaped => break,
                            _ => escaped = c == '\\' && !escaped,
                        }
                    }
                    line.words.push(std::mem::take(&mut word));
                }
                Some('#') => {
                    let mut comment = String::from("#");
                    while let Some(c) = chars.next_if(|c| *c != '\n') {
                        comment.push(c);
                    }
                    line.comment = Some(comment.trim_end().to_owned());
                }
                Some(c) if c.is_whitespace() => {
                    line.words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)))
                }
                Some(c) => word.push(c),
            }
        }
        line.words.extend((!word.is_empty()).then_some(word));
        number += 1;
        found.push(line);
    }
    Ok(found)
}

struct Reader {
    lines: std::iter::Peekable<std::vec::IntoIter<Found>>,
}

impl Reader {
    /// Reads up to the brace that closes the block which `opened` opened, or to the end.
    fn block(&mut self, opened: Option<usize>, depth: usize) -> Result<Block, SyntaxError> {
        if let Some(line) = opened.filter(|_| depth > MAX_DEPTH) {
            return Err(SyntaxError { line, what: "blocks stand too deep in each other" });
        }
        let mut block = Block::default();
        let mut before = Vec::new();
        while let Some(mut found) = self.lines.next() {
            if found.words.is_empty() {
                before.push(found.comment.unwrap_or_default());
                continue;
            }
            if found.words == ["}"] {
                if opened.is_none() {
                    return Err(SyntaxError { line: found.number, what: "`}` closes nothing" });
                }
                block.end = before;
                block.end.extend(found.comment);
                return Ok(block);
            }
            // A list of servers' names goes on after a comma.
            while opened.is_none() && found.words.last().is_some_and(|word| word.ends_with(',')) {
                let Some(next) = self.lines.next() else { break };
                found.words.extend(next.words);
                found.comment = found.comment.or(next.comment);
            }
            let opens = found.words.last().is_some_and(|word| word == "{");
            if opens {
                found.words.pop();
            }
            if found.words.is_empty() {
                return Err(SyntaxError { line: found.number, what: "`{` stands on a line of its own" });
            }
            if opened.is_none() && !opens && found.words[0] != "import" {
                return Err(SyntaxError { line: found.number, what: "a server without a block in braces" });
            }
            let inner = if opens { Some(self.block(Some(found.number), depth + 1)?) } else { None };
            let before = std::mem::take(&mut before);
            block.lines.push(Line { before, words: found.words, comment: found.comment, block: inner });
        }
        match opened {
            Some(line) => Err(SyntaxError { line, what: "the block is not closed" }),
            None => {
                block.end = before;
                Ok(block)
            }
        }
    }
}

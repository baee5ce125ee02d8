//! Names and messages come from plugins, paths and gateways: they are shown, never obeyed.

/// Control, direction and invisible characters written out (`\u{202E}`), so that text cannot move the cursor, turn
/// the line around or hide.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if c.is_control() || is_invisible(c) => shown.push_str(&format!("\\u{{{:X}}}", c as u32)),
            c => shown.push(c),
        }
    }
    shown
}

/// Direction marks and overrides, zero-width characters, separators, tags and what XML forbids.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}'
        | '\u{E0000}'..='\u{E007F}')
}

/// At most so many characters; what was cut shows as `…`.
pub(crate) fn elide(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A name as it stands in a table or chart.
pub(crate) fn name(text: &str, most: usize) -> String {
    elide(&visible(text), most)
}

/// Text for HTML and XML, between tags and inside double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A command line that a shell reads back as it is.
pub(crate) fn command(words: &[String]) -> String {
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Words broken into lines of at most so many characters; a word that is longer is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let cut = |word: &str| -> Vec<String> {
        let word: Vec<char> = word.chars().collect();
        word.chunks(width).map(|part| part.iter().collect()).collect()
    };
    lines(text.split_whitespace().flat_map(cut), width)
}

/// The same for a terminal, where what stands between backticks is one word and never cut: a command that is broken in two
/// cannot be copied, and one that is longer than a line is broken by the terminal, which copies it whole.
pub fn wrap_around_commands(text: &str, width: usize) -> Vec<String> {
    lines(pieces(text).into_iter(), width)
}

fn lines(pieces: impl Iterator<Item = String>, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for piece in pieces {
        let size = piece.chars().count();
        let line = lines.last_mut().expect("never empty");
        if length == 0 {
            line.push_str(&piece);
            length = size;
        } else if length + 1 + size <= width {
            line.push(' ');
            line.push_str(&piece);
            length += 1 + size;
        } else {
            lines.push(piece);
            length = size;
        }
    }
    lines
}

/// Words, and what stands between backticks.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_whitespace() {
        match pieces.last_mut().filter(|_| is_open) {
            Some(piece) => *piece = format!("{piece} {word}"),
            None => pieces.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    // Backticks that are never closed are no command.
    if is_open { text.split_whitespace().map(str::to_owned).collect() } else { pieces }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_survives() {
        let hostile = "a\u{1b}[31m\u{202e}\u{0}\u{200b}\n\"<script>'&";
        assert_eq!(visible(hostile), "a\\u{1B}[31m\\u{202E}\\u{0}\\u{200B}\\n\"<script>'&");
        assert_eq!(escape("\"<script>'&"), "&quot;&lt;script&gt;&#39;&amp;");
        assert_eq!(elide("abcdef", 4), "abc…");
        assert_eq!(elide("abcd", 4), "abcd");
    }

    #[test]
    fn a_shell_reads_the_command_back() {
        for (word, expected) in
            [("--seed", "--seed"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''"), ("$x", "'$x'")]
        {
            assert_eq!(command(&[word.to_owned(), "x".to_owned()]), format!("{expected} x"));
        }
    }

    #[test]
    fn lines_keep_to_the_width_and_lose_nothing() {
        let text = format!("some words and {} after it", "x".repeat(100));
        let lines = wrap(&text, 20);
        assert!(lines.iter().all(|line| line.chars().count() <= 20), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
    }

    #[test]
    fn a_command_is_never_broken_in_a_terminal() {
        let text = "say (Debian: `apt-get install x`), or";
        assert_eq!(wrap_around_commands(text, 22), ["say (Debian:", "`apt-get install x`),", "or"]);
        assert_eq!(wrap_around_commands(text, 9), ["say", "(Debian:", "`apt-get install x`),", "or"]);
        assert_eq!(wrap_around_commands("an odd ` is a word", 10), ["an odd `", "is a word"]);
        assert_eq!(wrap("say `apt-get install x`", 12), ["say `apt-get", "install x`"]);
        assert_eq!(wrap("abcdefghijkl mn", 8), ["abcdefgh", "ijkl mn"]);
    }
}

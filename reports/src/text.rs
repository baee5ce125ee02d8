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

/// Words broken into lines of at most so many characters; a word that is longer is cut. What stands between backticks is one
/// word where a line can hold it: a command that is broken in two cannot be copied.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in pieces(text, width) {
        let mut word: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + word.len() > width {
            lines.push(String::new());
            length = 0;
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.last_mut().expect("never empty").extend(word);
            lines.push(String::new());
            word = rest;
        }
        let line = lines.last_mut().expect("never empty");
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        length += word.len();
        line.extend(word);
    }
    lines
}

/// What lines are made of: words, and commands between backticks of at most so many characters.
fn pieces(text: &str, longest: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let is_open = |text: &str| text.matches('`').count() % 2 == 1;
        let (mut whole, mut rest) = (word.to_owned(), words.clone());
        while is_open(&whole) && whole.chars().count() < longest {
            let Some(next) = rest.next() else { break };
            whole = format!("{whole} {next}");
        }
        if is_open(word) && !is_open(&whole) && whole.chars().count() <= longest {
            words = rest;
            pieces.push(whole);
        } else {
            pieces.push(word.to_owned());
        }
    }
    pieces
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
    fn a_command_is_kept_on_one_line_where_it_fits() {
        assert_eq!(wrap("say (Debian: `apt-get install x`), or", 22), ["say (Debian:", "`apt-get install x`),", "or"]);
        assert_eq!(wrap("say `apt-get install x`", 12), ["say `apt-get", "install x`"]);
        assert_eq!(wrap("an odd ` is a word", 10), ["an odd `", "is a word"]);
    }
}

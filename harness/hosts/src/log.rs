use std::collections::VecDeque;

/// Lines kept: enough for the panic message and the stack trace of a Go or Rust plugin.
const LINES: usize = 16;
/// Bytes kept of a line.
const LINE_BYTES: usize = 400;

/// The last lines that a plugin logged, or wrote to its stdout and stderr. The host shows them when the plugin fails.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: VecDeque<String>,
}

impl Log {
    /// Adds a message, one line or several.
    pub(crate) fn push(&mut self, message: &[u8]) {
        for line in message.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            let kept = &line[..line.len().min(LINE_BYTES)];
            if self.lines.len() == LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(String::from_utf8_lossy(kept).trim_end().to_owned());
        }
    }

    /// The lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}

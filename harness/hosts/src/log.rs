use std::collections::VecDeque;

/// Lines kept: enough for the panic message and the stack trace of a Go or Rust plugin.
const LINES: usize = 16;
/// Bytes kept of a line.
const LINE_BYTES: usize = 400;
/// Bytes looked at of a message: a plugin may log its whole memory over and over.
const MESSAGE_BYTES: usize = 64 * 1024;

/// The last lines that a plugin logged, or wrote to its stdout and stderr. The host shows them when the plugin fails.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: VecDeque<String>,
    /// What was written of a line that has not ended.
    begun: Vec<u8>,
}

impl Log {
    /// Adds what was written to an output: Go writes a panic word by word, and its lines end where it ends them.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n') else { return self.begin(bytes) };
        self.begin(&bytes[..end]);
        let lines = std::mem::take(&mut self.begun);
        self.push(&lines);
        self.begin(&bytes[end + 1..]);
    }

    fn begin(&mut self, bytes: &[u8]) {
        let room = (LINES * LINE_BYTES).saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Adds a message, one line or several.
    pub(crate) fn push(&mut self, message: &[u8]) {
        let message = &message[message.len().saturating_sub(MESSAGE_BYTES)..];
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
        let begun = String::from_utf8_lossy(&self.begun[..self.begun.len().min(LINE_BYTES)]).trim_end().to_owned();
        self.lines.iter().cloned().chain(Some(begun).filter(|line| !line.trim().is_empty())).collect()
    }
}

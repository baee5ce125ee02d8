use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that are kept: a gateway's reason for a refusal is within its last few.
const KEPT: usize = 40;
/// Longest part of a line that is kept, in bytes.
const LONGEST: u64 = 2_000;

/// How long a line takes from a child to us, usually.
const LAG: Duration = Duration::from_millis(2);
/// How long the end of a pipe may take after the end of the process.
const END_LAG: Duration = Duration::from_millis(300);

/// The last lines of a child's standard error. A thread reads all of it, so that a child that complains about every
/// request neither fills a disk nor stops on a full pipe.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    /// Whether the other end is closed.
    over: bool,
    /// Lines of `kept` that have not been taken as news yet.
    news: usize,
    /// What lines are counted for, and how many had it.
    counted: Option<(&'static str, u64)>,
}

impl Tail {
    /// Reads until the other end is closed.
    pub(crate) fn follow(source: impl Read + Send + 'static) -> std::io::Result<Self> {
        let tail = Self::default();
        let writer = tail.clone();
        thread::Builder::new().name("child-stderr".into()).spawn(move || {
            writer.read(source);
            writer.lock().over = true;
        })?;
        Ok(tail)
    }

    /// The lines of a child that has ended. The end of a pipe is read a moment after the end of the process.
    pub(crate) fn all(&self) -> Vec<String> {
        let begin = Instant::now();
        while !self.lock().over && begin.elapsed() < END_LAG {
            thread::sleep(Duration::from_millis(1));
        }
        self.lines()
    }

    /// The lines that are kept.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().kept.iter().cloned().collect()
    }

    /// Lines that came since the last call.
    pub(crate) fn news(&self) -> Vec<String> {
        let mut lines = self.lock();
        let from = lines.kept.len() - lines.news;
        lines.news = 0;
        lines.kept.range(from..).cloned().collect()
    }

    /// Lines that came since the last call, waited for a little: a gateway writes a moment later than it answers.
    pub(crate) fn late_news(&self) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let news = self.news();
            if !news.is_empty() || begin.elapsed() > 25 * LAG {
                return news;
            }
            thread::sleep(LAG);
        }
    }

    /// Forgets lines that came so far, those among them that are on their way.
    pub(crate) fn forget_news(&self) {
        thread::sleep(LAG);
        self.news();
    }

    /// Counts lines that hold these words from now on.
    pub(crate) fn count(&self, words: &'static str) {
        self.lock().counted = Some((words, 0));
    }

    /// How many there were, waited for a little as long as there are fewer than that.
    pub(crate) fn counted(&self, at_least: u64) -> u64 {
        let begin = Instant::now();
        let now = || self.lock().counted.map_or(0, |(_, count)| count);
        while now() < at_least && begin.elapsed() < END_LAG {
            thread::sleep(LAG);
        }
        // One too many would come a moment later.
        thread::sleep(LAG);
        now()
    }

    /// The last lines as the end of a message: `; its last words: ...`, or nothing.
    pub(crate) fn last_words(&self) -> String {
        let lines = self.lines();
        let last = &lines[lines.len().saturating_sub(3)..];
        if last.is_empty() { String::new() } else { format!("; its last words: {}", last.join(" | ")) }
    }

    fn read(&self, source: impl Read) {
        let mut reader = BufReader::new(source);
        let mut line = Vec::new();
        loop {
            line.clear();
            // A line longer than that continues as the next one.
            match reader.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => self.push(String::from_utf8_lossy(&line).trim().to_owned()),
            }
        }
    }

    /// The addresses of a backtrace would only push out the line that says what happened.
    fn push(&self, line: String) {
        if line.is_empty() || line.starts_with("[backtrace] #") {
            return;
        }
        let mut lines = self.lock();
        if let Some((_, count)) = lines.counted.as_mut().filter(|(words, _)| line.contains(*words)) {
            *count += 1;
        }
        if lines.kept.len() == KEPT {
            lines.kept.pop_front();
        }
        lines.kept.push_back(line);
        lines.news = (lines.news + 1).min(lines.kept.len());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        // Nobody panics while holding it, and if so the lines are still lines.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_and_tells_news_once() {
        let tail = Tail::default();
        let text: String = (0..KEPT + 5).map(|number| format!("line {number}\n\n")).collect();
        tail.read(text.as_bytes());
        assert_eq!(tail.lines().len(), KEPT);
        assert_eq!(tail.lines().last().unwrap(), &format!("line {}", KEPT + 4));
        assert_eq!(tail.news().len(), KEPT);
        assert!(tail.news().is_empty());
        tail.read(b"one more\n[backtrace] #7: [0x5575353943d4]\n".as_slice());
        assert_eq!(tail.news(), ["one more"]);
        assert!(tail.last_words().ends_with("one more"));
    }

    #[test]
    fn counts_lines_that_are_not_kept_any_more() {
        let tail = Tail::default();
        tail.read(b"a call\n".as_slice());
        tail.count("a call");
        let text: String = (0..3 * KEPT).map(|number| format!("a call {number}\nanother\n")).collect();
        tail.read(text.as_bytes());
        assert_eq!(tail.counted(1), 3 * KEPT as u64);
        assert_eq!(tail.counted(1_000), 3 * KEPT as u64, "it does not wait forever");
    }
}

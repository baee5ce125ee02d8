use tollgate_record::Failure;

/// Why a host could not load or run a plugin. Every one says what to do about it, and every one is the plugin's own fault but
/// [`HostError::Absent`] and [`HostError::Lacking`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The host does not run plugins of this kind.
    #[error("host `{host}` does not run {kind} plugins; choose another with `--host`, see `tollgate list`")]
    Unsupported {
        /// The host.
        host: &'static str,
        /// The plugin's kind.
        kind: &'static str,
    },
    /// The host is not here, or its program does not work: no fault of the plugin.
    #[error("host `{host}` cannot be used here: {way}")]
    Absent {
        /// The host.
        host: &'static str,
        /// What is missing and how to get it.
        way: String,
    },
    /// The artifact is broken, or lacks what a plugin must have.
    #[error("{plugin} cannot be loaded: {}", OneLine(.reason))]
    Compile {
        /// The plugin.
        plugin: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The plugin did not start: it trapped, or refused its configuration.
    #[error("{plugin} did not start: {}{said}", OneLine(.reason))]
    Instantiate {
        /// The plugin.
        plugin: String,
        /// What happened and what to do.
        reason: String,
        /// The last that the plugin wrote to its log.
        said: Said,
    },
    /// The plugin trapped, raised an error or noticed a difference while it handled a request.
    #[error("{plugin} failed in {callback}: {}{said}", OneLine(.reason))]
    Request {
        /// The plugin.
        plugin: String,
        /// The callback that failed.
        callback: &'static str,
        /// What happened and what to do.
        reason: String,
        /// The last that the plugin wrote to its log.
        said: Said,
    },
    /// The plugin called what Envoy's stream handle has and this host's has not: no fault of the plugin.
    #[error("{plugin} cannot go on in {callback}: {}{said}", OneLine(.reason))]
    Lacking {
        /// The plugin.
        plugin: String,
        /// The callback that it was in.
        callback: &'static str,
        /// What it called and what to do.
        reason: String,
        /// The last that the plugin wrote to its log.
        said: Said,
    },
    /// An earlier request killed the instance.
    #[error("{plugin} is dead since {callback} failed: {}; make a new instance", OneLine(.reason))]
    Dead {
        /// The plugin.
        plugin: String,
        /// The callback that failed.
        callback: &'static str,
        /// What happened then.
        reason: String,
    },
}

impl HostError {
    /// Where it happened, as in a record: `compile`, `instantiate` or `request`.
    pub fn stage(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } | Self::Absent { .. } | Self::Compile { .. } => "compile",
            Self::Instantiate { .. } => "instantiate",
            Self::Request { .. } | Self::Lacking { .. } | Self::Dead { .. } => "request",
        }
    }

    /// The failure that a record keeps.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Absent { .. } | Self::Lacking { .. } => Failure::environment(self.stage(), self.to_string()),
            _ => Failure::plugin(self.stage(), self.to_string()),
        }
    }

    /// What every request after this one gets.
    pub(crate) fn dead(&self) -> Self {
        match self {
            Self::Request { plugin, callback, reason, .. } => {
                Self::Dead { plugin: plugin.clone(), callback, reason: reason.clone() }
            }
            other => other.clone(),
        }
    }
}

/// The last lines that a plugin logged before it failed: a trap alone rarely tells why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(pub Vec<String>);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(lines) = self;
        if lines.is_empty() {
            return Ok(());
        }
        write!(f, "; it had said: {}", OneLine(&lines.join(" | ")))
    }
}

/// Text in which a plugin had a say (names of its imports, what it logged), on one line and of a length that can be
/// read: nothing in it may move a terminal's cursor.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

/// Characters that are shown of its beginning and of its end, where it says what to do.
const SHOWN: (usize, usize) = (600, 300);

impl std::fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self.0.split(|char: char| char.is_control() && char != '\t').map(|line| line.trim_matches(' '));
        let line = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        let length = line.chars().count();
        if length <= SHOWN.0 + SHOWN.1 {
            return f.write_str(&line);
        }
        let begin: String = line.chars().take(SHOWN.0).collect();
        let end: String = line.chars().skip(length - SHOWN.1).collect();
        write!(f, "{begin} [...] {end}")
    }
}

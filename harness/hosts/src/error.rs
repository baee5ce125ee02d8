use tollgate_record::Failure;

/// Why a host could not load or run a plugin. Every one says what to do about it, and every one but [`HostError::Absent`]
/// is the plugin's own fault.
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
    #[error("{plugin} cannot be loaded: {reason}")]
    Compile {
        /// The plugin.
        plugin: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The plugin did not start: it trapped, or refused its configuration.
    #[error("{plugin} did not start: {reason}{said}")]
    Instantiate {
        /// The plugin.
        plugin: String,
        /// What happened and what to do.
        reason: String,
        /// The last that the plugin wrote to its log.
        said: Said,
    },
    /// The plugin trapped, raised an error or noticed a difference while it handled a request.
    #[error("{plugin} failed in {callback}: {reason}{said}")]
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
    /// An earlier request killed the instance.
    #[error("{plugin} is dead since {callback} failed: {reason}; make a new instance")]
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
            Self::Request { .. } | Self::Dead { .. } => "request",
        }
    }

    /// The failure that a record keeps.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Absent { .. } => Failure::environment(self.stage(), self.to_string()),
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
        write!(f, "; it had said: {}", lines.join(" | "))
    }
}

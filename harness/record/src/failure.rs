use serde::{Deserialize, Serialize};

/// Whose fault a failure is: it decides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The tool or its surroundings (a missing gateway, a port in use): exit status 1.
    Environment,
    /// The plugin (a trap, wrong effects, a broken file): exit status 5.
    Plugin,
}

/// A failure is a row like any other: it says what happened and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Whose fault it is.
    pub class: FailureClass,
    /// When it happened: `load`, `compile`, `instantiate`, `verify`, `measure`, `start`, `proof`.
    pub stage: String,
    /// What happened and what to do next.
    pub message: String,
}

impl Failure {
    /// A failure of the plugin, at a stage.
    pub fn plugin(stage: &str, message: impl Into<String>) -> Self {
        Self { class: FailureClass::Plugin, stage: stage.to_owned(), message: message.into() }
    }

    /// A failure of the tool or its surroundings, at a stage.
    pub fn environment(stage: &str, message: impl Into<String>) -> Self {
        Self { class: FailureClass::Environment, stage: stage.to_owned(), message: message.into() }
    }
}

//! One place for what a language looks like, so that it has the same colour and order in every table and chart.

/// Okabe and Ito's colours, told apart with every common form of colour blindness. Yellow is left out (no contrast
/// on white). A language that is not listed is grey; the label beside every mark names it anyway.
const LANGUAGES: [(&str, &str); 8] = [
    ("native", "#7F8790"),
    ("WAT", "#009E73"),
    ("Lua", "#0072B2"),
    ("C++", "#E69F00"),
    ("Rust", "#D55E00"),
    ("Go", "#56B4E9"),
    ("AssemblyScript", "#CC79A7"),
    ("none", "#7F8790"),
];

const UNLISTED: &str = "#7F8790";

/// Colour of a language as `#RRGGBB`, the same on light and on dark ground.
pub(crate) fn colour(language: &str) -> &'static str {
    LANGUAGES.iter().find(|(name, _)| *name == language).map_or(UNLISTED, |(_, colour)| colour)
}

/// Where a language stands: the floors, then scripts, then compiled languages, then what is not listed.
pub(crate) fn rank(language: &str) -> usize {
    LANGUAGES.iter().position(|(name, _)| *name == language).unwrap_or(LANGUAGES.len())
}

/// All ranks with their colours, that of what is not listed last.
pub(crate) fn colours() -> impl Iterator<Item = (usize, &'static str)> {
    LANGUAGES.iter().map(|(_, colour)| *colour).chain([UNLISTED]).enumerate()
}

/// Whether the "language" is one that people choose for plugins, and not a floor or a control.
pub(crate) fn is_choice(language: &str) -> bool {
    !matches!(language, "native" | "WAT" | "none")
}

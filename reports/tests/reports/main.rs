//! Whole reports of synthetic records, in one test program.

mod html;
mod synthetic;
mod text;
mod words;

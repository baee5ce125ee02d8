//! Shapes that tell marks of one colour apart.

use super::canvas::{Canvas, Mark};

/// What a mark looks like, all of about one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    /// A triangle that stands on its tip.
    Tip,
    Diamond,
}

/// Draws it around a point.
pub(super) fn draw_shape(canvas: &mut Canvas<'_>, shape: Shape, (x, y): (i32, i32), mark: Mark) {
    match shape {
        Shape::Circle => canvas.circle((x, y), 6, mark),
        Shape::Square => canvas.rect((x - 6, y - 6), (x + 6, y + 6), mark),
        Shape::Triangle => canvas.polygon(&[(x - 7, y + 6), (x, y - 7), (x + 7, y + 6)], mark),
        Shape::Tip => canvas.polygon(&[(x - 7, y - 6), (x, y + 7), (x + 7, y - 6)], mark),
        Shape::Diamond => canvas.polygon(&[(x, y - 8), (x + 8, y), (x, y + 8), (x - 8, y)], mark),
    }
}

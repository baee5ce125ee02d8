//! A table in a terminal that goes without columns where there is no room, and never breaks what stands in one.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use crate::text;

/// Columns with their rows.
pub(crate) struct Grid<'a> {
    /// Titles, and whether it is text that stands below: figures are to the right.
    pub(crate) columns: Vec<(&'a str, bool)>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Columns that a narrow terminal goes without, first to last; never the first.
    pub(crate) dispensable: Vec<usize>,
}

impl Grid<'_> {
    /// Title, rule and rows, none wider than `width`.
    pub(crate) fn lines(mut self, width: u16) -> Vec<String> {
        self.fit(usize::from(width));
        let mut table = Table::new();
        let rule = LineStyle::none().fill('─');
        table
            .load_style(TableStyle::new().header_separator(rule))
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width)
            .set_header(self.columns.iter().map(|(title, _)| *title))
            .add_rows(self.rows);
        for (index, (_, is_text)) in self.columns.iter().enumerate() {
            let column = table.column_mut(index).expect("every column has a header");
            column.set_padding(match index {
                0 => (0, 1),
                last if last + 1 == self.columns.len() => (1, 0),
                _ => (1, 1),
            });
            if !is_text {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Leaves as many columns as fit side by side; when none can be left out any more, names are cut.
    fn fit(&mut self, width: usize) {
        let mut dropped: Vec<usize> = Vec::new();
        let mut dispensable = std::mem::take(&mut self.dispensable).into_iter();
        loop {
            let title = |index: usize| self.columns[index].0.chars().count();
            let content = |index: usize| self.rows.iter().map(|row| row[index].chars().count()).max().unwrap_or(0);
            let widest = |index: usize| title(index).max(content(index));
            let left = (1..self.columns.len()).filter(|index| !dropped.contains(index));
            let others: usize = left.map(|index| widest(index) + 2).sum();
            if others + widest(0) <= width {
                break;
            }
            let Some(column) = dispensable.next() else {
                let room = width.saturating_sub(others).max(4);
                self.rows.iter_mut().for_each(|row| row[0] = text::elide(&row[0], room));
                break;
            };
            dropped.push(column);
        }
        let is_left = |index: &usize| !dropped.contains(index);
        let kept: Vec<usize> = (0..self.columns.len()).filter(is_left).collect();
        self.columns = kept.iter().map(|&index| self.columns[index]).collect();
        self.rows.iter_mut().for_each(|row| *row = kept.iter().map(|&index| std::mem::take(&mut row[index])).collect());
    }
}

//! A three by five letter box: enough to read a participant's name off the picture.

/// Columns of a glyph.
pub const COLUMNS: usize = 3;
/// Rows of a glyph.
pub const ROWS: usize = 5;

/// Whether the dot of `character` at (`column`, `row`) is set. Small letters look like capitals; what
/// has no glyph is a full box.
pub fn dot(character: char, column: usize, row: usize) -> bool {
    let bits = rows(character.to_ascii_uppercase());
    let shift = (ROWS - 1 - row) * COLUMNS + (COLUMNS - 1 - column);
    bits >> shift & 1 == 1
}

/// Fifteen bits, the top row first, the left dot first.
#[rustfmt::skip]
const fn rows(character: char) -> u16 {
    match character {
        'A' => 0b010_101_111_101_101, 'B' => 0b110_101_110_101_110, 'C' => 0b011_100_100_100_011,
        'D' => 0b110_101_101_101_110, 'E' => 0b111_100_110_100_111, 'F' => 0b111_100_110_100_100,
        'G' => 0b011_100_101_101_011, 'H' => 0b101_101_111_101_101, 'I' => 0b111_010_010_010_111,
        'J' => 0b001_001_001_101_010, 'K' => 0b101_101_110_101_101, 'L' => 0b100_100_100_100_111,
        'M' => 0b101_111_111_101_101, 'N' => 0b110_101_101_101_101, 'O' => 0b010_101_101_101_010,
        'P' => 0b110_101_110_100_100, 'Q' => 0b010_101_101_111_011, 'R' => 0b110_101_110_101_101,
        'S' => 0b011_100_010_001_110, 'T' => 0b111_010_010_010_010, 'U' => 0b101_101_101_101_111,
        'V' => 0b101_101_101_101_010, 'W' => 0b101_101_111_111_101, 'X' => 0b101_101_010_101_101,
        'Y' => 0b101_101_010_010_010, 'Z' => 0b111_001_010_100_111,
        '0' => 0b111_101_101_101_111, '1' => 0b010_110_010_010_111, '2' => 0b110_001_010_100_111,
        '3' => 0b110_001_010_001_110, '4' => 0b101_101_111_001_001, '5' => 0b111_100_110_001_110,
        '6' => 0b011_100_111_101_111, '7' => 0b111_001_010_010_010, '8' => 0b111_101_111_101_111,
        '9' => 0b111_101_111_001_110,
        '-' => 0b000_000_111_000_000, '_' => 0b000_000_000_000_111, '.' => 0b000_000_000_000_010,
        ':' => 0b000_010_000_010_000, '+' => 0b000_010_111_010_000, '~' => 0b000_001_111_100_000,
        '@' => 0b111_101_111_100_111, ' ' => 0,
        _ => 0b111_111_111_111_111,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_an_id_has_its_own_glyph() {
        let characters: Vec<char> = ('A'..='Z').chain('0'..='9').chain("-_.:+~@ ".chars()).collect();
        for (i, a) in characters.iter().enumerate() {
            assert_ne!(rows(*a), rows('\u{fffd}'), "{a} has no glyph");
            for b in &characters[i + 1..] {
                assert_ne!(rows(*a), rows(*b), "{a} and {b} look the same");
            }
        }
    }

    #[test]
    fn dots_are_read_left_to_right_and_top_to_bottom() {
        assert!(dot('L', 0, 0) && !dot('L', 1, 0) && dot('L', 2, 4));
        assert!(dot('j', 2, 0) && !dot('j', 0, 0));
    }
}

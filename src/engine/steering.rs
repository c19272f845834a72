//! Characters that are not seen, and steer what is: a terminal, the order of the text around them, or where a line ends.

/// Whether a character does something to a terminal, or to the order of the characters around it, instead of being seen.
pub fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

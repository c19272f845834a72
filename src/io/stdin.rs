//! Standard input, read whole and within the limit of a file.

use std::io::{BufRead, IsTerminal, Read, stdin};

use super::files::{FileError, MAX_FILE};

/// The longest answer that is read, in bytes.
const LONGEST_LINE: u64 = 1024;

/// Reads standard input to its end, or to one byte past [`MAX_FILE`], which is an error.
pub fn read() -> Result<Vec<u8>, FileError> {
    whole(stdin().lock())
}

/// Whether a person may answer there.
pub fn is_terminal() -> bool {
    stdin().is_terminal()
}

/// Reads a line, such as a person's answer. It is empty at the end of the input.
pub fn line() -> Result<String, FileError> {
    let mut line = String::new();
    stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line)
}

fn whole(input: impl Read) -> Result<Vec<u8>, FileError> {
    let mut content = Vec::new();
    input.take(MAX_FILE + 1).read_to_end(&mut content)?;
    match content.len() as u64 > MAX_FILE {
        true => Err(FileError::TooLong),
        false => Ok(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the bytes that are taken from an endless stream.
    struct Endless(u64);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(b'#');
            self.0 += buffer.len() as u64;
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_stream_of_the_limit_is_read_and_no_more_is_taken_of_a_longer_one() {
        let content = vec![b'#'; MAX_FILE as usize];
        assert_eq!(whole(&content[..]).unwrap().len() as u64, MAX_FILE);
        let mut endless = Endless(0);
        let error = whole(&mut endless).unwrap_err();
        assert_eq!(error.code().as_str(), "too-large");
        assert!(endless.0 <= MAX_FILE + 1, "{}", endless.0);
    }
}

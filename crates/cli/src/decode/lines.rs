//! Input, line by line, in bounded memory.

use std::io::{self, BufRead};

use super::packet::{Unreadable, whole_bytes};

/// Longest line that is read, in bytes: the hex of the largest UDP datagram (65,535 bytes), and some white space.
const MAX_LINE_LEN: usize = 2 * 65_535 + 64;

/// Reads lines, the longest of which takes bounded memory.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    /// Nothing more is buffered: the next read may wait.
    drained: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: Vec::new(), drained: false }
    }

    /// The next line without its end, or what to say of one that is too long for a packet; `None` at the end of input.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<&[u8], Unreadable>>> {
        self.line.clear();
        let mut length: u64 = 0;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                self.drained = true;
                if length == 0 {
                    return Ok(None);
                }
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let piece = end.and_then(|end| chunk.get(..end)).unwrap_or(chunk);
            let room = MAX_LINE_LEN.saturating_sub(self.line.len());
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            let used = piece.len() + usize::from(end.is_some());
            // The end of the line counts, so that an empty line differs from the end of input.
            length = length.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
            self.drained = used >= chunk.len();
            self.input.consume(used);
            if end.is_some() {
                length -= 1;
                break;
            }
        }
        if usize::try_from(length).is_ok_and(|length| length == self.line.len()) {
            return Ok(Some(Ok(&self.line)));
        }
        Ok(Some(Err(Unreadable {
            error: format!(
                "a line of {length} characters is no packet: the largest datagram has 65535 bytes, two digits each"
            ),
            size: whole_bytes(&self.line),
        })))
    }

    /// Whether the next line may have to be waited for.
    pub(super) fn drained(&self) -> bool {
        self.drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], capacity: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new(io::BufReader::with_capacity(capacity, input));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.ok().map(<[u8]>::to_vec));
        }
        found
    }

    #[test]
    fn lines_are_the_same_whatever_the_buffer() {
        for capacity in [1, 2, 3, 100] {
            assert_eq!(read(b"ab\n\ncd", capacity), [Some(b"ab".to_vec()), Some(vec![]), Some(b"cd".to_vec())]);
            assert_eq!(read(b"ab\n", capacity), [Some(b"ab".to_vec())]);
            assert_eq!(read(b"", capacity), []);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let input = [vec![b'0'; MAX_LINE_LEN], b"\n".to_vec(), vec![b'0'; 5 * MAX_LINE_LEN], b"\nab".to_vec()].concat();
        let found = read(&input, 8_192);
        assert_eq!(found, [Some(vec![b'0'; MAX_LINE_LEN]), None, Some(b"ab".to_vec())]);
    }
}

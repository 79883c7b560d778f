//! What goes to the standard output. A reader that has gone, such as `head`, is no failure.

use std::io::{self, ErrorKind, Write};

use serde_json::Value;

use crate::failure::{Failure, Outcome};

pub fn bytes(data: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(data).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

pub fn text(text: &str) -> Outcome {
    bytes(text.as_bytes())
}

pub fn json(value: &Value) -> Outcome {
    text(&format!("{value:#}\n"))
}

//! What errors of the client mean for a fleet.

use redis::{ErrorKind, RedisError, Value};
use tilecache_fleet::Failure;

/// The client could not say or hear something, or the server answered with an error.
pub(crate) fn failure(error: &RedisError) -> Failure {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::Io if error.is_timeout() => Failure::Late,
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Failure::Unreachable(text),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Failure::Garbage(text),
        ErrorKind::AuthenticationFailed => Failure::Denied(text),
        _ => answered(error.code().unwrap_or_default(), text),
    }
}

/// The server answered with an error that begins with this code.
fn answered(code: &str, text: String) -> Failure {
    match code {
        "WRONGPASS" | "NOAUTH" | "NOPERM" => Failure::Denied(text),
        // It serves, and writes nothing: it has no memory left, or cannot save.
        "OOM" | "MISCONF" => Failure::Full(text),
        // Of servers that put the error of a command into that of the script.
        _ if text.contains("OOM command not allowed") => Failure::Full(text),
        _ => Failure::Refused(text),
    }
}

/// Where an answer is an error, which.
pub(crate) fn checked(value: Value) -> Result<Value, Failure> {
    match value {
        Value::ServerError(error) => Err(failure(&error.into())),
        value => Ok(value),
    }
}

/// Whether the connection is not to be used any more.
pub(crate) fn ends_connection(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable(_) | Failure::Late | Failure::Garbage(_) => true,
        Failure::Full(_) | Failure::Denied(_) | Failure::Refused(_) => false,
    }
}

/// An answer that none of the commands has.
pub(crate) fn unexpected(value: &Value) -> Failure {
    let kind = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) => "a string",
        Value::Array(_) => "a list",
        Value::Okay => "OK",
        _ => "another type",
    };
    Failure::Garbage(format!(
        "the store answered with {kind}, which is no answer to that"
    ))
}

//! What errors of the client and answers of the store mean for a fleet. No text has a URL in it, for those are signed.

use tilecache_fleet::Failure;
use ureq::Error;

/// The client could not say or hear something.
pub(crate) fn failed(error: &Error) -> Failure {
    match error {
        Error::Timeout(_) => Failure::Late,
        Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => Failure::Late,
        Error::Http(_) | Error::Protocol(_) | Error::LargeResponseHeader(..) => {
            Failure::Garbage(error.to_string())
        }
        Error::BadUri(_) => Failure::Refused("the URL is none".to_owned()),
        _ => Failure::Unreachable(error.to_string()),
    }
}

/// The body of an answer was not read to its end.
pub(crate) fn broken(error: std::io::Error) -> Failure {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    {
        Some(inner) => failed(inner),
        None if error.kind() == std::io::ErrorKind::TimedOut => Failure::Late,
        None => Failure::Unreachable(error.to_string()),
    }
}

/// The store answered with this status, and with what it says of the error.
pub(crate) fn refused(status: u16, body: &str) -> Failure {
    let code = between(body, "Code");
    let text = match (code, between(body, "Message")) {
        (Some(code), Some(message)) => format!("{status} {code}: {message}"),
        (Some(code), None) => format!("{status} {code}"),
        _ => format!("{status}"),
    };
    match (status, code.unwrap_or_default()) {
        (507, _)
        | (_, "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "QuotaExceeded") => {
            Failure::Full(text)
        }
        (401 | 403, _) => Failure::Denied(text),
        (408 | 429 | 500.., _) => Failure::Unreachable(text),
        _ => Failure::Refused(text),
    }
}

/// The bucket is not there, which is something else than an object that is not.
pub(crate) fn is_no_bucket(body: &str) -> bool {
    between(body, "Code") == Some("NoSuchBucket")
}

fn between<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text)
}

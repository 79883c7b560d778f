//! Where the bucket is, and who asks.

use rusty_s3::{Bucket, Credentials, UrlStyle};

/// A bucket, and what all objects of the tier begin with.
#[derive(Clone, Debug)]
pub struct Address {
    pub(crate) bucket: Bucket,
    /// Empty, or with a slash at its end.
    pub(crate) prefix: String,
}

/// Who asks; nobody in particular where there are none.
#[derive(Clone, Default)]
pub struct Keys(pub(crate) Option<Credentials>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Of an access key, its secret, and the token of a session, if it is of one.
    pub fn new(access: &str, secret: &str, token: Option<&str>) -> Self {
        Self(Some(match token {
            Some(token) => Credentials::new_with_token(access, secret, token),
            None => Credentials::new(access, secret),
        }))
    }

    /// Those of `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, if they are there.
    pub fn from_environment() -> Self {
        Self(Credentials::from_env())
    }
}

impl Address {
    /// `s3://bucket[/prefix]` is at Amazon; `http[s]://host[:port]/bucket[/prefix]` at any other place.
    pub fn parse(url: &str, region: &str) -> Result<Self, String> {
        let quoted = match url.split_once('@') {
            Some(_) => "the URL".to_owned(), // What stands before it may be a secret.
            None => format!("\"{url}\""),
        };
        let wrong = |text: &str| format!("{quoted} {text}");
        let (endpoint, path, style) = if let Some(path) = url.strip_prefix("s3://") {
            let endpoint = format!("https://s3.{region}.amazonaws.com");
            (endpoint, path, UrlStyle::VirtualHost)
        } else {
            let rest = url
                .split_once("://")
                .filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
            let (scheme, rest) =
                rest.ok_or_else(|| wrong("begins with none of s3://, https:// and http://"))?;
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("{scheme}://{host}"), path, UrlStyle::Path)
        };
        let port = endpoint.rsplit_once(':').map(|(_, port)| port);
        if port.is_some_and(|port| !port.is_empty() && port.bytes().all(|digit| digit == b'0')) {
            return Err(wrong("has the port 0"));
        }
        if url.contains(['@', '?', '#']) {
            return Err(wrong(
                "has more than a host, a bucket and a prefix: keys are options",
            ));
        }
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        if bucket.is_empty() {
            return Err(wrong("names no bucket"));
        }
        let prefix = prefix.trim_matches('/');
        let endpoint = endpoint
            .parse()
            .map_err(|error| wrong(&format!("is no URL: {error}")))?;
        let bucket = Bucket::new(endpoint, style, bucket.to_owned(), region.to_owned());
        Ok(Self {
            bucket: bucket.map_err(|error| wrong(&format!("is no bucket: {error}")))?,
            prefix: match prefix {
                "" => String::new(),
                prefix => format!("{prefix}/"),
            },
        })
    }
}

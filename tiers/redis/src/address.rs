//! Where a store is: one server, or the nodes by which a cluster is found.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// Addresses of one server, or of nodes of a cluster. Its text has no password.
#[derive(Clone, Debug)]
pub struct Address {
    nodes: Vec<ConnectionInfo>,
    is_cluster: bool,
}

impl Address {
    /// Of `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS, or `unix:///path`; several, apart by
    /// commas, are nodes of a cluster, and so is one that `cluster+` stands before. The error has no password in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (text, told) = match text.strip_prefix("cluster+") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let nodes = text.split(',').map(|part| node(part, text));
        let nodes: Vec<_> = nodes.collect::<Result<_, _>>()?;
        let is_cluster = told || nodes.len() > 1;
        let is_unix = |node: &ConnectionInfo| matches!(node.addr(), ConnectionAddr::Unix(_));
        if is_cluster && nodes.iter().any(is_unix) {
            return Err("a socket of the file system is no node of a cluster".to_owned());
        }
        let database = |node: &ConnectionInfo| node.redis_settings().db();
        if let Some(node) = nodes.iter().find(|&node| is_cluster && database(node) != 0) {
            let (address, database) = (node.addr(), database(node));
            return Err(format!(
                "{address} is a node of a cluster, which has no database {database}"
            ));
        }
        Ok(Self { nodes, is_cluster })
    }

    pub(crate) fn nodes(&self) -> &[ConnectionInfo] {
        &self.nodes
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.is_cluster
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nodes: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.addr().to_string())
            .collect();
        f.write_str(&nodes.join(","))
    }
}

/// An address, of a text that may have several.
fn node(text: &str, whole: &str) -> Result<ConnectionInfo, String> {
    let text = text.trim();
    let wrong = |error: &dyn std::fmt::Display| {
        format!("{:?} is no address of Redis: {error}", shown(text, whole))
    };
    let node = text.into_connection_info().map_err(|error| wrong(&error))?;
    unheard(text, &node).map_or(Ok(node), |error| Err(wrong(&error)))
}

/// What of an address nothing would come of, or something else than is meant.
fn unheard(text: &str, node: &ConnectionInfo) -> Option<String> {
    let settings = node.redis_settings();
    let is_unix = matches!(node.addr(), ConnectionAddr::Unix(_));
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (_, query) = text.split_once('?').unwrap_or((text, ""));
    let names = query.split('&').filter(|option| !option.is_empty());
    let mut names = names.map(|option| option.split_once('=').map_or(option, |(name, _)| name));
    let is_known = |name: &str| is_unix && matches!(name, "db" | "user" | "pass");
    match node.addr() {
        ConnectionAddr::Tcp(_, 0) | ConnectionAddr::TcpTls { port: 0, .. } => {
            return Some("its port is 0".to_owned());
        }
        ConnectionAddr::Unix(path) if path.file_name().is_none() => {
            return Some("it names no socket".to_owned());
        }
        _ => (),
    }
    if settings.db() < 0 {
        return Some(format!("its database is {}", settings.db()));
    }
    if !fragment.is_empty() {
        return Some(format!("#{fragment} means nothing here"));
    }
    if let Some(name) = names.find(|name| !is_known(name)) {
        return Some(format!("it has no option {name:?}"));
    }
    let is_nobody = settings.username().is_some() && settings.password().is_none();
    is_nobody.then(|| "it has a user without a password".to_owned())
}

/// An address without what may be a secret: what is between the scheme and the last @, and what is behind the question
/// mark. Where a password has a comma, it is cut in two, so of several nothing is shown that has no @.
fn shown(text: &str, whole: &str) -> String {
    let text = text.split_once('?').map_or(text, |(text, _)| text);
    let is_part = whole.contains(',') && whole.contains('@');
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        (None, Some((_, host))) => format!("...@{host}"),
        (Some((scheme, _)), None) if is_part => format!("{scheme}://..."),
        (None, None) if is_part => "...".to_owned(),
        (_, None) => text.to_owned(),
    }
}

//! Where a store is: one server, or the nodes by which a cluster is found.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// Addresses of one server, or of nodes of a cluster. Its text has no password.
#[derive(Clone, Debug)]
pub struct Address {
    nodes: Vec<ConnectionInfo>,
    is_cluster: bool,
}

impl Address {
    /// Of `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS, or `unix:///path`; several, apart by
    /// commas, are nodes of a cluster, and so is one that `cluster+` stands before. The error has no password in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (text, told) = match text.strip_prefix("cluster+") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let nodes: Vec<_> = text.split(',').map(node).collect::<Result<_, _>>()?;
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

fn node(text: &str) -> Result<ConnectionInfo, String> {
    let text = text.trim();
    text.into_connection_info().map_err(|error| {
        // What is between the scheme and the last @ may be a password, and what is behind the question mark.
        let text = text.split_once('?').map_or(text, |(text, _)| text);
        let shown = match (text.split_once("://"), text.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
            (None, Some((_, host))) => format!("...@{host}"),
            (_, None) => text.to_owned(),
        };
        format!("{shown:?} is no address of Redis: {error}")
    })
}

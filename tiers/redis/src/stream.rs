//! A stream to a server on which reading and writing end at a moment, however little comes at a time.

use redis::{ConnectionAddr, ErrorKind, RedisError};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub(crate) enum Stream {
    Tcp(Bounded<TcpStream>),
    Tls(Box<StreamOwned<ClientConnection, Bounded<TcpStream>>>),
    Unix(Bounded<UnixStream>),
}

impl Stream {
    pub(crate) fn open(address: &ConnectionAddr, end: Instant) -> Result<Self, RedisError> {
        match address {
            ConnectionAddr::Tcp(host, port) => {
                Ok(Self::Tcp(Bounded::new(tcp(host, *port, end)?, end)))
            }
            ConnectionAddr::TcpTls { insecure: true, .. } => Err(RedisError::from((
                ErrorKind::InvalidClientConfig,
                "TLS without looking whose certificate it is",
            ))),
            ConnectionAddr::TcpTls { host, port, .. } => {
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                let session = ClientConnection::new(trust()?, name).map_err(io::Error::other)?;
                let stream = Bounded::new(tcp(host, *port, end)?, end);
                Ok(Self::Tls(Box::new(StreamOwned::new(session, stream))))
            }
            ConnectionAddr::Unix(path) => {
                Ok(Self::Unix(Bounded::new(UnixStream::connect(path)?, end)))
            }
            _ => Err(RedisError::from((
                ErrorKind::InvalidClientConfig,
                "an address of another kind",
            ))),
        }
    }

    /// From now on nothing lasts beyond this moment.
    pub(crate) fn ends(&mut self, end: Instant) {
        match self {
            Self::Tcp(stream) => stream.end = end,
            Self::Tls(stream) => stream.sock.end = end,
            Self::Unix(stream) => stream.end = end,
        }
    }
}

fn tcp(host: &str, port: u16, end: Instant) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, rest(end)?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Whom the system trusts, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
fn trust() -> io::Result<Arc<ClientConfig>> {
    static TRUST: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(known) = TRUST.get() {
        return Ok(Arc::clone(known));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(io::Error::other(
            "the system has no certificates to trust in",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(TRUST.get_or_init(|| Arc::new(config))))
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(from),
            Self::Tls(stream) => stream.write(from),
            Self::Unix(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
        }
    }
}

/// A socket of which each call may take as long as is left.
pub(crate) struct Bounded<S> {
    socket: S,
    end: Instant,
}

impl<S> Bounded<S> {
    fn new(socket: S, end: Instant) -> Self {
        Self { socket, end }
    }
}

fn rest(end: Instant) -> io::Result<Duration> {
    let rest = end.saturating_duration_since(Instant::now());
    // Less than a microsecond would be none to the system, which is forever.
    if rest < Duration::from_micros(1) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(rest)
}

/// Sockets whose calls can be given a time.
trait Timed {
    fn read_within(&self, time: Duration) -> io::Result<()>;
    fn write_within(&self, time: Duration) -> io::Result<()>;
}

macro_rules! timed {
    ($($socket:ty),*) => {$(
        impl Timed for $socket {
            fn read_within(&self, time: Duration) -> io::Result<()> {
                self.set_read_timeout(Some(time))
            }

            fn write_within(&self, time: Duration) -> io::Result<()> {
                self.set_write_timeout(Some(time))
            }
        }
    )*};
}

timed!(TcpStream, UnixStream);

impl<S: Read + Timed> Read for Bounded<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.read_within(rest(self.end)?)?;
        self.socket.read(into)
    }
}

impl<S: Write + Timed> Write for Bounded<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.socket.write_within(rest(self.end)?)?;
        self.socket.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

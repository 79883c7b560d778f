//! A proxy before a server, which spoils its answers as a test wants.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

/// What becomes of answers.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Answers {
    Pass,
    /// They come after the time that was set.
    Late,
    /// Other bytes come in their place.
    Garbage,
    /// Of long ones the connection is closed in the middle.
    Cut,
    /// They come byte by byte, each after the time that was set.
    Trickle,
    /// The connection is closed before any.
    Closed,
}

const ALL: [Answers; 6] = [
    Answers::Pass,
    Answers::Late,
    Answers::Garbage,
    Answers::Cut,
    Answers::Trickle,
    Answers::Closed,
];

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    server: Arc<AtomicU16>,
    answers: Arc<AtomicU8>,
    milliseconds: Arc<AtomicU64>,
}

impl Proxy {
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            server: Arc::new(server.into()),
            answers: Arc::default(),
            milliseconds: Arc::default(),
        };
        let of_connections = proxy.clone();
        // Its threads end with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = of_connections.server.load(Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue; // The client sees it closed.
                };
                of_connections.carry(client, server);
            }
        });
        proxy
    }

    pub fn set(&self, answers: Answers, time: Duration) {
        self.milliseconds
            .store(time.as_millis() as u64, Ordering::SeqCst);
        self.answers.store(answers as u8, Ordering::SeqCst);
    }

    /// Connections from now on are to this server.
    pub fn leads_to(&self, server: u16) {
        self.server.store(server, Ordering::SeqCst);
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn carry(&self, client: TcpStream, server: TcpStream) {
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let proxy = self.clone();
        std::thread::spawn(move || {
            proxy.answer(server, &client);
            let _ = client.shutdown(Shutdown::Both);
        });
    }

    fn answer(&self, mut server: TcpStream, mut client: &TcpStream) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = server.read(&mut buffer) {
            let answer = &mut buffer[..length];
            let time = Duration::from_millis(self.milliseconds.load(Ordering::SeqCst));
            let sent = match ALL[usize::from(self.answers.load(Ordering::SeqCst))] {
                Answers::Pass => client.write_all(answer),
                Answers::Late => {
                    std::thread::sleep(time);
                    client.write_all(answer)
                }
                Answers::Garbage => client.write_all(b"?!\x00\xffgarbage\r\n\r\n$$$\r\n"),
                Answers::Cut if length > 100 => {
                    let _ = client.write_all(&answer[..length / 2]);
                    return;
                }
                Answers::Cut => client.write_all(answer),
                Answers::Trickle => answer.iter().try_for_each(|byte| {
                    std::thread::sleep(time);
                    client.write_all(&[*byte])
                }),
                Answers::Closed => return,
            };
            if sent.is_err() {
                return;
            }
        }
    }
}

//! Files behind a web server that may fail in every way.

use super::caller::{FAILED, Image, open, open_io};
use super::client::Remote;
use super::server::{Answer, Server};
use super::{FILES, made};
use std::sync::Arc;

/// One of each format, and of each way of reading it.
const SOME: [&str; 6] = [
    "tiles.tif",
    "strips.tif",
    "P.ntf",
    "C3.ntf",
    "tiles.j2k",
    "whole.jp2",
];

fn served(server: &Server, name: &str) -> Image {
    let remote = Remote::open(server.address, name).expect(name);
    open_io(Arc::new(remote)).expect(name)
}

#[test]
fn pixels_are_those_of_the_file() {
    let server = Server::of(made());
    for (i, name) in FILES
        .into_iter()
        .enumerate()
        .filter(|(_, name)| *name != "huge.j2k")
    {
        server.answer(match i % 3 {
            0 => |_| Answer::Whole,
            1 => |n| {
                if n % 2 == 0 {
                    Answer::Fewer(10_000)
                } else {
                    Answer::Whole
                }
            },
            _ => |n| {
                if n % 5 == 0 {
                    Answer::Slow
                } else {
                    Answer::Whole
                }
            },
        });
        let local = open(&made().join(name)).expect(name);
        let tiles = served(&server, name).tiled(500);
        for level in 0..local.info().levels.min(3) {
            let (a, b) = (tiles.read_level(level), local.read_level(level));
            assert!(a.expect(name) == b.expect(name), "{name}, level {level}");
        }
    }
}

#[test]
fn failures_are_told_and_cost_nothing_else() {
    let server = Server::of(made());
    for name in SOME {
        let local = open(&made().join(name)).expect(name);
        let bands: Vec<i32> = (0..local.info().bands).collect();
        let expected = local.read(0, [310, 310, 200, 200], &bands).expect(name);
        for (answer, text) in [
            (Answer::Error, "HTTP status 500"),
            (Answer::Reset, "GET /"),
            (Answer::Short, "GET /"),
            (Answer::Never, "GET /"),
        ] {
            // Of the formats that are read alike, waiting once is enough.
            if answer == Answer::Never && name != "tiles.tif" {
                continue;
            }
            let remote: Arc<Remote> = Arc::new(Remote::open(server.address, name).expect(name));
            server.answer(move |_| answer);
            let opened = open_io(remote.clone()).map(drop);
            check(opened.expect_err(name), text, name);
            assert_eq!(Arc::strong_count(&remote), 1);

            server.answer(|_| Answer::Whole);
            let image = open_io(remote).expect(name);
            let tiles = image.tiled(300);
            server.answer(move |_| answer);
            let rect = [310, 310, 200, 200];
            let failed = tiles.read(0, rect, &bands);
            check(failed.expect_err(name), text, name);

            // The next request is served, and nothing is remembered of the failure.
            server.answer(|_| Answer::Whole);
            assert!(
                tiles.read(0, rect, &bands).expect(name) == expected,
                "{name}"
            );
        }
    }
}

fn check((status, source_code, message): (i32, i32, String), text: &str, name: &str) {
    assert_eq!((status, source_code), (13, FAILED), "{name}: {message}");
    assert!(
        message.contains(text) && message.contains(name),
        "{message}"
    );
}

#[test]
fn a_surplus_that_cannot_be_read_costs_no_pixels() {
    // Whoever reads more than is asked for must not fail where the rest alone is broken.
    let server = Server::of(made());
    for name in ["tiles.tif", "strips.tif", "P.ntf", "tiles.j2k"] {
        let image = served(&server, name);
        let (bands, rect): (Vec<i32>, _) = ((0..image.info().bands).collect(), [300, 0, 300, 300]);
        let tiles = image.tiled(300);
        tiles.read(0, [0, 0, 300, 300], &bands).expect(name);
        server.answer(|n| if n == 0 { Answer::Error } else { Answer::Whole });
        let read = tiles.read(0, rect, &bands);
        let local = open(&made().join(name)).expect(name);
        assert!(
            read.expect(name) == local.read(0, rect, &bands).expect(name),
            "{name}"
        );
    }
}

#[test]
fn many_threads_share_one_source() {
    let server = Server::of(made());
    for name in ["tiles.tif", "strips.tif", "M.ntf", "parts.j2k"] {
        let expected = open(&made().join(name)).and_then(|image| image.read_level(0));
        let expected = expected.expect(name);
        let image = served(&server, name);
        server.answer(|n| {
            if n % 4 == 0 {
                Answer::Slow
            } else {
                Answer::Whole
            }
        });
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (tiles, expected) = (image.tiled(400 + 30 * thread), &expected);
                scope.spawn(move || assert!(tiles.read_level(0).expect(name) == *expected));
            }
        });
    }
}

#[test]
fn requests_are_few() {
    let server = Server::of(made());
    for (name, opening, tile) in [
        ("tiles.tif", 1, 4),
        ("strips.tif", 1, 1),
        ("P.ntf", 1, 4),
        ("list.j2k", 1, 4),
    ] {
        server.requests();
        let image = served(&server, name);
        assert_eq!(server.requests().0, opening, "{name}");
        let bands: Vec<i32> = (0..image.info().bands).collect();
        image
            .tiled(512)
            .read(0, [0, 0, 512, 512], &bands)
            .expect(name);
        assert_eq!(server.requests().0, tile, "{name}");
    }
}

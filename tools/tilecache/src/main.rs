//! `tilecache`: what the library tells of an image, and makes of it, from the command line.

mod api;
mod arguments;
mod bench;
mod display;
mod failure;
#[cfg(feature = "gdal")]
mod gdal;
mod info;
mod output;
mod progress;
mod pyramid;
#[rustfmt::skip]
mod raw;
mod stats;
mod tiles;
mod warp;
mod words;

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use failure::{Failure, Outcome};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    progress::listen();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tilecache: {failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: &Arguments) -> Outcome {
    let quiet = arguments.quiet;
    match &arguments.command {
        Command::Info(asked) => info::run(asked),
        Command::Tiles(asked) => tiles::run(asked, quiet),
        Command::Stats(asked) => stats::run(asked, quiet),
        Command::Display(asked) => display::run(asked, quiet),
        Command::Pyramid(asked) => pyramid::run(asked, quiet),
        Command::Warp(asked) => warp::run(asked, quiet),
        Command::Bench(asked) => bench::run(asked, quiet),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "tilecache", &mut script);
            output::bytes(&script)
        }
        Command::Manual { into: Some(folder) } => fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder))
            .map_err(|error| failure::of_system(folder, error)),
        Command::Manual { into: None } => {
            let page = manual().map_err(|error| Failure::Other(error.to_string()))?;
            output::bytes(&page)
        }
    }
}

/// All commands in one page.
fn manual() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let mut command = Arguments::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    // It would refer to a page for each command.
    let mut text = String::from_utf8(page).map_err(io::Error::other)?;
    for sub in command.get_subcommands() {
        let name = sub.get_name();
        text = text.replace(
            &format!("tilecache\\-{name}(1)"),
            &format!("tilecache {name}"),
        );
    }
    page = text.into_bytes();
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        let man = clap_mangen::Man::new(sub.clone());
        writeln!(page, ".SH {}", sub.get_name().to_uppercase())?;
        man.render_description_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    Ok(page)
}

//! Bars on a terminal, nothing in a pipe, and the wish to end.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::{Failure, Outcome};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Control-C ends what is under way in its own time. A second one ends the process.
pub fn listen() {
    let heard = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    heard.expect("nobody else handles signals");
}

/// Fails once somebody wishes to end.
pub fn go_on() -> Outcome {
    match INTERRUPTED.load(Ordering::Relaxed) {
        true => Err(Failure::Interrupted),
        false => Ok(()),
    }
}

pub struct Progress {
    bar: ProgressBar,
}

const STEPS: u64 = 10_000;

impl Progress {
    /// A bar that says what is being done; it is on the standard error, if that is a terminal.
    pub fn new(what: &str, quiet: bool) -> Progress {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {percent:>3} % {eta:>4}");
        let bar = ProgressBar::with_draw_target(Some(STEPS), target)
            .with_style(
                style
                    .expect("a template that is right")
                    .progress_chars("=> "),
            )
            .with_message(what.to_string());
        Progress { bar }
    }

    pub fn set(&self, done: f64) {
        self.bar.set_position((done * STEPS as f64) as u64);
    }

    /// What the library calls, with `self` as its user.
    pub extern "C" fn hear(done: f64, _text: *const c_char, user: *mut c_void) -> c_int {
        // SAFETY: `user` is the `Progress` that outlives the call of the library.
        unsafe { &*user.cast::<Progress>() }.set(done);
        go_on().is_ok().into()
    }

    pub fn user(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

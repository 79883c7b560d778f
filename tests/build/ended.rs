//! Files that do not become complete, or may not be begun.

use crate::files::{Folder, levels_of, open};
use crate::random::{self, Random, Validity};
use crate::{pyramid, support};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tilecache::build::{Compression, Layout, Options, Predictor, build_pyramid};
use tilecache::cache::Cache;
use tilecache::dtype::{DType, Sample};
use tilecache::error::Kind;
use tilecache::georef::{Affine, Gcp, Georef, Located};
use tilecache::image::Colour;
use tilecache::operator::georeferenced;
use tilecache::provider::Provider;
use tilecache::resample::Filter;

fn point(at: f64) -> Gcp {
    Gcp {
        id: String::new(),
        info: String::new(),
        pixel: (at, at),
        place: [at; 3],
    }
}

fn source() -> Arc<dyn Provider> {
    let mut random = Random::new(7);
    let picture = random::picture(DType::U8, (300, 200), 3, Validity::Mask, &mut random);
    picture.provider((64, 64)).0
}

#[test]
fn whoever_ends_it_at_any_step_finds_nothing_but_what_was_there_before() {
    let folder = Folder::new("cancelled");
    let path = folder.file("made.tif");
    std::fs::write(&path, "before").unwrap();
    for layout in [Layout::Tiled, Layout::Cog] {
        for threads in [1, 3] {
            let options = Options {
                layout,
                threads,
                tile: (64, 64),
                ..Options::default()
            };
            for end in 0.. {
                let cache = Cache::new(100_000, Default::default()).unwrap();
                let (mut steps, mut last) = (0, 0.0);
                let done = build_pyramid(source(), &path, &options, Some(&cache), &mut |done| {
                    assert!((last..=1.0).contains(&done), "{done} after {last}");
                    (last, steps) = (done, steps + 1);
                    steps <= end
                });
                assert_eq!(cache.statistics().in_flight, 0);
                assert_eq!(folder.names(), ["made.tif"]);
                match done {
                    Ok(()) => {
                        assert_eq!(last, 1.0);
                        break;
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), Kind::Cancelled);
                        assert_eq!(std::fs::read(&path).unwrap(), b"before");
                    }
                }
            }
            assert!(open(&path).image().levels.len() > 2);
            std::fs::write(&path, "before").unwrap();
        }
    }
}

#[test]
fn an_error_of_the_source_leaves_nothing() {
    let folder = Folder::new("failed");
    for threads in [1, 3] {
        let behaviour = Arc::new(support::Behaviour {
            delay: Duration::from_millis(3),
            ..support::Behaviour::default()
        });
        let source = support::source(support::image((300, 200), (64, 64), 3), behaviour.clone());
        let options = Options {
            threads,
            ..Options::default()
        };
        let mut steps = 0;
        let failed = build_pyramid(
            source,
            &folder.file("made.tif"),
            &options,
            None,
            &mut |_| {
                steps += 1;
                behaviour
                    .fails
                    .store(steps > 2, std::sync::atomic::Ordering::SeqCst);
                true
            },
        );
        let error = failed.unwrap_err();
        assert_eq!(
            (error.kind(), error.source_code()),
            (Kind::Source, 7),
            "{error}"
        );
        assert!(folder.names().is_empty());
    }
}

/// The file that a child is to build.
const PATH: &str = "TILECACHE_TEST_BUILD";

fn child_options() -> Options {
    Options {
        layout: Layout::Cog,
        threads: 2,
        tile: (64, 64),
        ..Options::default()
    }
}

#[test]
#[ignore = "what other tests run in a process of its own"]
fn child() {
    let path = PathBuf::from(std::env::var_os(PATH).unwrap());
    let built = build_pyramid(source(), &path, &child_options(), None, &mut |_| {
        std::thread::sleep(Duration::from_millis(2));
        true
    });
    if let Err(error) = built {
        println!("{:?}: {error}", error.kind());
        std::process::exit(3);
    }
}

/// A process that builds a file, started by a shell that first does something else.
fn start(path: &Path, before: &str) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.env(PATH, path).arg("-c");
    command.arg(format!(
        "{before} exec \"$0\" --exact ended::child --ignored --nocapture"
    ));
    command
        .arg(this)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_process_that_is_killed_leaves_nothing_that_looks_whole() {
    let folder = Folder::new("killed");
    let path = folder.file("made.tif");
    let right = levels_of(&pyramid(&source(), &child_options()));
    let kills = std::env::var("TILECACHE_KILLS").map_or(4, |count| count.parse().unwrap());
    let (mut whole, mut random) = (0, Random::new(9));
    for _ in 0..kills {
        let mut child = start(&path, "").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(160)));
        child.kill().unwrap();
        child.wait().unwrap();
        match &folder.names()[..] {
            [] => (),
            [name] if name == "made.tif" => {
                assert!(levels_of(&open(&path)) == right);
                std::fs::remove_file(&path).unwrap();
                whole += 1;
            }
            // Killed between the two steps in which a file without a name gets its own: it is complete.
            [name] if name == "made.tif.building" => {
                assert!(levels_of(&open(&folder.file(name))) == right);
            }
            names => panic!("{names:?}"),
        }
    }
    println!("{whole} of {kills} were complete before");
    // What may be left disturbs nobody.
    std::fs::write(folder.file("made.tif.building"), "left").unwrap();
    assert!(start(&path, "").status().unwrap().success());
    assert!(levels_of(&open(&path)) == right);
    assert_eq!(folder.names(), ["made.tif"]);
}

#[test]
fn a_disk_that_becomes_full_is_an_error_that_leaves_nothing() {
    let folder = Folder::new("full");
    let path = folder.file("made.tif");
    // Of a file that may not grow any more the system says the same as of a full disk, if the signal is ignored.
    for blocks in [0, 20, 60] {
        let before = format!("trap '' XFSZ; ulimit -f {blocks};");
        let output = start(&path, &before).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("Io: ") && text.contains("made.tif"), "{text}");
        assert!(folder.names().is_empty());
    }
}

#[test]
fn what_cannot_be_built_is_refused_by_its_name_before_anything_is_read() {
    let folder = Folder::new("refused");
    let path = folder.file("made.tif");
    let behaviour = Arc::new(support::Behaviour::default());
    let provider = |change: &dyn Fn(&mut tilecache::image::Image)| {
        let mut image = support::image((300, 200), (64, 64), 3);
        change(&mut image);
        support::source(image, behaviour.clone())
    };
    let plain = provider(&|_| ());
    let refuse = |source: &Arc<dyn Provider>, path: &Path, options: Options, kind, text: &str| {
        let refused = build_pyramid(source.clone(), path, &options, None, &mut |_| true);
        let error = refused.expect_err(text);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.message().contains(text),
            "{error} does not say {text}"
        );
    };
    let with = |change: &dyn Fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        options
    };
    for (change, kind, text) in [
        (&|o: &mut Options| o.tile = (24, 16)) as &dyn Fn(&mut Options),
        &|o| o.tile = (16, 65_536),
        &|o| o.threads = 1025,
        &|o| o.levels = Some(33),
        &|o| o.effort = 13,
        &|o| o.quality = 50,
    ]
    .into_iter()
    .zip(["24 x 16", "65536", "1025", "33", "13", "50"])
    .map(|(change, text)| (change, Kind::Range, text))
    {
        refuse(&plain, &path, with(change), kind, text);
    }
    let unsupported = |source: &Arc<dyn Provider>, change: &dyn Fn(&mut Options), text: &str| {
        refuse(source, &path, with(change), Kind::Unsupported, text);
    };
    unsupported(&plain, &|o| o.predictor = Some(Predictor::Float), "u8");
    let no_predictor = |o: &mut Options| {
        o.compression = Compression::None;
        o.predictor = Some(Predictor::Horizontal);
    };
    unsupported(&plain, &no_predictor, "compression none");
    let wide = provider(&|image| image.dtype = DType::U16);
    unsupported(&wide, &|o| o.compression = Compression::Jpeg, "u16");
    let indexed = provider(&|image| image.bands[0].colour = Colour::Palette);
    unsupported(&indexed, &|o| o.compression = Compression::Jpeg, "palette");
    unsupported(&indexed, &|o| o.filter = Some(Filter::Cubic), "cubic");
    let mixed = provider(&|image| image.bands[1].nodata = Some(Sample::from_f64(DType::U8, 9.0)));
    unsupported(
        &mixed,
        &|_| (),
        "bands 0 and 1 with different nodata values, none and 9;",
    );
    let far = provider(&|image| {
        image.dtype = DType::F64;
        image.bands[2].nodata = Some(Sample::from_f64(DType::F64, f64::MAX));
    });
    unsupported(&far, &|_| (), "none and 1.7976931348623157e308;");
    let many = provider(&|image| image.bands = vec![Default::default(); 5]);
    let cog_of_jpeg = |o: &mut Options| {
        (o.layout, o.compression) = (Layout::Cog, Compression::Jpeg);
    };
    unsupported(&many, &cog_of_jpeg, "5 bands in a COG");
    for (georef, text) in [
        (
            Georef {
                transform: Some(Affine([5.0, 0.5, 0.0, 9.0, 0.0, -0.5])),
                gcps: vec![point(0.0), point(9.0)],
                ..Georef::default()
            },
            "a transform and 2 ground control points",
        ),
        (
            Georef {
                epsg: Some(104_105),
                ..Georef::default()
            },
            "a system with the code 104105",
        ),
        (
            Georef {
                epsg: Some(32632),
                vertical_epsg: Some(70_000),
                ..Georef::default()
            },
            "a vertical system with the code 70000",
        ),
    ] {
        let located = Located::new(georef, &[(300, 200)]);
        let placed = georeferenced(plain.clone(), Some(located)).unwrap();
        unsupported(&placed, &|_| (), text);
    }
    let complex = provider(&|image| image.dtype = DType::CF32);
    unsupported(
        &complex,
        &|o| o.predictor = Some(Predictor::Horizontal),
        "complex",
    );

    let options = Options::default();
    let overviews = with(&|o| o.layout = Layout::Overviews);
    refuse(&plain, &path, overviews, Kind::Range, "one tile");
    refuse(
        &plain,
        &folder.file("none/made.tif"),
        options.clone(),
        Kind::NotFound,
        "none/made.tif",
    );
    refuse(
        &plain,
        &folder.file("."),
        options.clone(),
        Kind::Argument,
        "no name",
    );
    refuse(
        &plain,
        Path::new("/dev/null/made.tif"),
        options.clone(),
        Kind::Io,
        "/dev/null/made.tif",
    );
    assert!(folder.names().is_empty());
    assert_eq!(behaviour.total(), 0);

    build_pyramid(plain, &path, &options, None, &mut |_| true).unwrap();
    refuse(
        &open(&path),
        &path,
        options.clone(),
        Kind::Argument,
        "made.tif",
    );
    let link = folder.file("link.tif");
    std::fs::hard_link(&path, &link).unwrap();
    let shown = tilecache::operator::level(open(&path), 0).unwrap();
    refuse(&shown, &link, options, Kind::Argument, "link.tif");
}

#[test]
fn what_is_no_file_stays_what_it_is_and_a_link_stays_a_link() {
    let folder = Folder::new("links");
    let options = Options::default();
    let build = |path: &Path| build_pyramid(source(), path, &options, None, &mut |_| true);
    let door = folder.file("door");
    let _listener = std::os::unix::net::UnixListener::bind(&door).unwrap();
    for path in [door.as_path(), Path::new("/")] {
        let error = build(path).expect_err("an error");
        assert_eq!(error.kind(), Kind::Argument);
        let said = format!("{} is no name for a file", path.display());
        assert_eq!(error.message(), said);
    }
    let (link, file) = (folder.file("link.tif"), folder.file("file.tif"));
    std::fs::write(&file, "before").unwrap();
    std::os::unix::fs::symlink("file.tif", &link).unwrap();
    build(&link).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    open(&file);
    assert_eq!(folder.names(), ["door", "file.tif", "link.tif"]);
}

#[test]
fn a_file_that_takes_the_place_of_another_is_for_the_same_readers() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("modes");
    let path = folder.file("made.tif");
    std::fs::write(&path, "before").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    let options = Options::default();
    build_pyramid(source(), &path, &options, None, &mut |_| true).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    // A name that can only be had without what stands behind it meanwhile.
    let long = folder.file(&format!("{}.tif", "n".repeat(245)));
    let mut steps = 0;
    let built = build_pyramid(source(), &long, &options, None, &mut |_| {
        steps += 1;
        true
    });
    let error = built.expect_err("an error");
    assert_eq!((error.kind(), steps), (Kind::Argument, 0));
    assert!(error.message().contains("is too long a name"), "{error}");
}

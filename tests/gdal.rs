//! Both bridges to GDAL: `include/tilecache_gdal.h`, compiled as C99 and C++17, run and checked by
//! valgrind, and the driver in `gdal/`, built against an installation and used by GDAL's own programs.

#![cfg(target_os = "linux")]

#[path = "support/programs.rs"]
mod programs;

use programs::{run, scratch};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Of the rasters that `make.py` makes, those with which every grid is tried.
const LAYOUTS: [&str; 3] = ["strips.tif", "tiles.tif", "strip.tif"];
/// And those that are read once by each reader.
const RASTERS: [&str; 8] = [
    "bands.tif",
    "complex.tif",
    "masked.tif",
    "palette.tif",
    "ycbcr.tif",
    "copy.png",
    "copy.jpg",
    "copy.vrt",
];

#[test]
fn the_header_is_c99_and_cxx17_by_itself() {
    tools();
    let directory = scratch("gdal", "header");
    for (compiler, standard, file) in [("cc", "c99", "alone.c"), ("c++", "c++17", "alone.cpp")] {
        let source = directory.join(file);
        fs::write(
            &source,
            "#include \"tilecache_gdal.h\"\n#include \"tilecache_gdal.h\"\nint main(void) { return 0; }\n",
        )
        .unwrap();
        run(Command::new(compiler)
            .arg(format!("-std={standard}"))
            .args(WARNINGS)
            .args(gdal_includes())
            .arg(format!("-I{ROOT}/include"))
            .arg("-fsyntax-only")
            .arg(&source));
    }
}

#[test]
fn the_bridge_reads_what_gdal_reads() {
    let (program, directory) = program("test_bridge", "run");
    let said = run(Command::new(program).current_dir(directory));
    println!("{said}");
}

#[test]
fn the_bridge_passes_memory_checks() {
    let (program, directory) = program("test_bridge", "valgrind");
    run(valgrind()
        .arg(program)
        .env("TILECACHE_TEST_SCALE", "25")
        .current_dir(directory));
}

#[test]
fn images_and_datasets_lie_where_each_other_do() {
    let (program, directory) = program("georef", "georef");
    run(Command::new(&program).current_dir(&directory));
    run(valgrind()
        .arg(program)
        .env("TILECACHE_TEST_SCALE", "25")
        .current_dir(directory));
}

#[test]
fn warps_are_what_gdalwarp_makes() {
    let (program, directory) = program("warp", "warp");
    let said = run(Command::new(program).current_dir(directory));
    println!("{said}");
}

#[test]
fn datasets_are_open_when_gdal_ends() {
    let (program, directory) = program("lives", "lives");
    run(valgrind()
        .arg(program)
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap())
        // A crash ends the program, which could wait for ever with a lock that was held.
        .env("CMOCKA_TEST_ABORT", "1")
        .current_dir(directory));
}

#[test]
fn the_driver_is_there() {
    let formats = run(gdal("gdalinfo").arg("--formats"));
    assert!(formats.contains("TILECACHE -raster- (ro)"), "{formats}");
    let about = run(gdal("gdalinfo").args(["--format", "TILECACHE"]));
    for option in [
        "TILE",
        "PAD",
        "CACHE",
        "SOURCE",
        "OVERVIEWS",
        "FILTER",
        "NATIVE",
        "SRS",
        "RESOLUTION",
        "RESAMPLING",
    ] {
        assert!(about.contains(&format!("name=\"{option}\"")), "{about}");
    }
    let symbols = run(Command::new("nm")
        .args(["-D", "--defined-only", "--format=just-symbols"])
        .arg(plugin()));
    let ours: Vec<&str> = symbols
        .lines()
        .filter(|name| !name.starts_with('_'))
        .collect();
    let expected = [
        "GDALRegister_TILECACHE",
        "tilecache_gdal_from_dataset",
        "tilecache_gdal_open",
        "tilecache_gdal_open_vsi",
        "tilecache_gdal_set_georef",
        "tilecache_gdal_srs",
        "tilecache_gdal_transform",
    ];
    assert_eq!(ours, expected);
}

#[test]
fn gdalinfo_says_the_same_on_every_grid() {
    for raster in LAYOUTS {
        let direct = checksums(raster);
        assert!(direct.contains("Checksum="), "{direct}");
        for tile in [256, 512, 1000] {
            for pad in [0, 1] {
                let view = format!("TILECACHE:{raster}?tile={tile}&pad={pad}");
                assert_eq!(checksums(&view), direct, "{view}");
            }
        }
    }
}

#[test]
fn gdalinfo_says_the_same_of_every_raster() {
    for raster in LAYOUTS.iter().chain(&RASTERS) {
        let direct = checksums(raster);
        for source in ["auto", "gdal"] {
            let view = format!("TILECACHE:{raster}?source={source}");
            assert_eq!(checksums(&view), direct, "{view}");
        }
    }
    // Levels that a file leaves out are no overviews.
    for source in ["auto", "gdal"] {
        let view = format!("TILECACHE:gaps.tif?source={source}");
        assert_eq!(checksums(&view), checksums("gaps.tif"), "{view}");
    }
    // Out of an archive, by each reader.
    run(Command::new("/usr/bin/python3")
        .args([
            "-c",
            "import zipfile; zipfile.ZipFile('all.zip', 'w', 8).write('tiles.tif')",
        ])
        .current_dir(rasters()));
    let direct = checksums("/vsizip/all.zip/tiles.tif");
    for source in ["tilecache", "gdal"] {
        let view = format!("TILECACHE:/vsizip/all.zip/tiles.tif?source={source}");
        assert_eq!(checksums(&view), direct, "{view}");
    }
    assert_eq!(checksums("TILECACHE:copy.jp2"), checksums("copy.jp2"));
}

#[test]
fn gdal_translate_and_gdalwarp_give_the_same() {
    let out = scratch("gdal", "out");
    let commands: [(&str, &[&str]); 4] = [
        (
            "gdal_translate",
            &["-q", "-srcwin", "100", "50", "901", "777"],
        ),
        (
            "gdal_translate",
            &["-q", "-outsize", "30%", "30%", "-r", "nearest"],
        ),
        ("gdalwarp", &["-q", "-t_srs", "EPSG:4326", "-r", "bilinear"]),
        ("gdalwarp", &["-q", "-tr", "45", "45", "-r", "cubic"]),
    ];
    for raster in ["tiles.tif", "strips.tif", "bands.tif"] {
        for (program, arguments) in commands {
            let results = [raster.to_owned(), format!("TILECACHE:{raster}?tile=300")].map(|from| {
                let to = out.join(from.replace([':', '?', '='], "_"));
                let _ = fs::remove_file(&to);
                run(gdal(program).args(arguments).arg(from).arg(&to));
                let info = run(gdal("gdalinfo").arg("-checksum").arg(&to));
                info.split_once("Size is").unwrap().1.to_owned()
            });
            assert_eq!(results[0], results[1], "{program} {arguments:?} {raster}");
        }
    }
}

#[test]
fn gdalcompare_finds_no_difference() {
    for raster in [
        "tiles.tif",
        "strips.tif",
        "masked.tif",
        "bands.tif",
        "copy.vrt",
    ] {
        let view = format!("TILECACHE:{raster}");
        let output = gdal("gdalcompare.py").args([raster, &view]).output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(said.contains("Differences Found: 0"), "{view}: {said}");
    }
}

/// Inks, alpha of one bit, masks of bands, samples that are not numbers, JPEG that is decoded smaller.
#[test]
fn the_driver_shows_what_gdal_shows() {
    let directory = scratch("gdal", "same");
    run(python()
        .arg(format!("{ROOT}/gdal/tests/same.py"))
        .current_dir(directory)
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap()));
}

/// Computed ones of every raster, which GDAL's average equals at even sizes.
#[test]
fn the_driver_computes_overviews() {
    run(python()
        .arg(format!("{ROOT}/gdal/tests/levels.py"))
        .arg(rasters())
        .current_dir(scratch("gdal", "levels"))
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap()));
}

/// Where gdalwarp puts them, with what it finds there.
#[test]
fn the_driver_warps() {
    run(python()
        .arg(format!("{ROOT}/gdal/tests/warp.py"))
        .current_dir(scratch("gdal", "warp"))
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap()));
}

/// Windows out of strips, nearest neighbours, and overviews that are built from what is read so.
#[test]
fn reads_pass_the_cache_of_gdal_by() {
    run(python()
        .arg(format!("{ROOT}/gdal/tests/uncached.py"))
        .arg(rasters())
        .current_dir(scratch("gdal", "uncached"))
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap()));
}

#[test]
fn programs_use_the_driver_and_the_symbols() {
    run(python()
        .arg(format!("{ROOT}/gdal/tests/use.py"))
        .arg(plugin())
        .arg(installed().join("lib/libtilecache.so.0"))
        .current_dir(rasters())
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap()));
}

/// Files of a server, which the script is itself, and in archives.
#[test]
fn what_is_opened_twice_shares_its_tiles() {
    run(python()
        .arg(format!("{ROOT}/gdal/tests/remote.py"))
        .arg(plugin())
        .arg(installed().join("lib/libtilecache.so.0"))
        .current_dir(scratch("gdal", "remote"))
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap()));
}

/// Programs over GDAL, as far as they are installed; no part of the core.
mod clients {
    use super::{client, plugin};

    #[test]
    fn mapserver_draws_the_same() {
        client("mapserver", plugin().parent());
    }

    #[test]
    fn rasterio_reads_the_same() {
        client("rasterio", None);
    }

    #[test]
    fn qgis_draws_the_same() {
        client("qgis", None);
    }

    #[test]
    fn grass_reads_the_same() {
        client("grass", None);
    }

    #[test]
    fn orfeo_toolbox_computes_the_same() {
        client("orfeo", None);
    }

    #[test]
    fn dask_computes_the_same() {
        client("dask", None);
    }

    #[test]
    fn rio_tiler_makes_the_same_tiles() {
        client("riotiler", None);
    }
}

/// As in a program that brings a GDAL of its own and finds the plugin of the system's.
#[test]
fn the_plugin_refuses_another_gdal() {
    let library = scratch("gdal", "other").join("other_gdal.so");
    run(Command::new("cc")
        .args(["-std=c99", "-shared", "-fPIC"])
        .arg(format!("{ROOT}/gdal/tests/other_gdal.c"))
        .arg("-o")
        .arg(&library)
        .arg("-ldl"));
    let load =
        "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).load_plugin(sys.argv[2].encode()))";
    let loaded = python()
        .args(["-c", load])
        .arg(&library)
        .arg(plugin())
        .output()
        .expect("a run");
    assert!(loaded.status.success(), "{loaded:?}");
    let said = String::from_utf8_lossy(&loaded.stderr);
    assert!(
        said.contains("other_gdal.so, which is another GDAL"),
        "{said}"
    );
}

/// A program of others that uses GDAL, and what it shows of rasters and of their views. One that is not installed is
/// skipped, which is said also where what tests print is not shown.
fn client(name: &str, plugins: Option<&Path>) {
    const NOT_THERE: i32 = 77;
    let output = python()
        .arg(format!("{ROOT}/gdal/tests/client_{name}.py"))
        .args(plugins)
        .current_dir(rasters())
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap())
        // What they learn of rasters would be written beside these.
        .env("GDAL_PAM_ENABLED", "NO")
        .env("HOME", scratch("gdal", &format!("home-{name}")))
        .output()
        .expect("a run");
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(NOT_THERE) {
        // Cargo does not capture this.
        let line = format!("SKIPPED {name}: {said}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}\n{errors}");
}

/// What `gdalinfo -checksum` says of a raster, but for how it is stored and named.
fn checksums(raster: &str) -> String {
    let info = run(gdal("gdalinfo").args(["-checksum", "-listmdd", "-mdd", "QUALITY", raster]));
    let (_, info) = info.split_once("Size is").expect("a size");
    let mut said = String::new();
    for line in info
        .lines()
        .filter(|line| !line.contains("DERIVED_SUBDATASETS"))
    {
        let block = line.find("Block=").map(|at| (at, line[at..].find(' ')));
        match block {
            Some((at, Some(end))) => said += &format!("{}{}\n", &line[..at], &line[at + end..]),
            _ => said += &format!("{line}\n"),
        }
    }
    said
}

/// A program of GDAL, where the rasters are, that finds the plugin.
fn gdal(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(rasters())
        .env("GDAL_DRIVER_PATH", plugin().parent().unwrap())
        .env("GDAL_PAM_ENABLED", "NO");
    command
}

fn python() -> Command {
    // The one for which Debian's bindings of GDAL are built.
    Command::new("/usr/bin/python3")
}

/// The rasters of `make.py`.
fn rasters() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        tools();
        let directory = scratch("gdal", "rasters");
        run(python()
            .arg(format!("{ROOT}/gdal/tests/make.py"))
            .arg(&directory));
        directory
    })
}

fn plugin() -> PathBuf {
    installed().join("lib/gdalplugins/gdal_TILECACHE.so")
}

/// A prefix with the library and, built against it, the plugin; moved once both are there.
fn installed() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        tools();
        let (work, moved) = (
            scratch("gdal", "install"),
            scratch("gdal", "moved").join("prefix"),
        );
        let prefix = work.join("prefix");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        // What is built there already need not be built again.
        let built = format!("-DTILECACHE_CARGO_TARGET_DIR={}", target.display());
        cmake("cmake", &work.join("library"), &prefix, &[built]);
        cmake(
            "gdal",
            &work.join("plugin"),
            &prefix,
            &[
                format!("-DCMAKE_PREFIX_PATH={}", prefix.display()),
                format!("-DCMAKE_CXX_FLAGS={}", WARNINGS.join(" ")),
            ],
        );
        fs::rename(prefix, &moved).unwrap();
        moved
    })
}

fn cmake(source: &str, build: &Path, prefix: &Path, definitions: &[String]) {
    run(Command::new("cmake")
        .arg("-S")
        .arg(Path::new(ROOT).join(source))
        .arg("-B")
        .arg(build)
        .args(definitions));
    run(Command::new("cmake").arg("--build").arg(build));
    run(Command::new("cmake")
        .arg("--install")
        .arg(build)
        .arg("--prefix")
        .arg(prefix));
}

/// Memory checks from the first line of a program to its last.
fn valgrind() -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--leak-check=full", "--error-exitcode=99"])
        .args(["--show-leak-kinds=definite,indirect,possible"])
        .args(["--errors-for-leak-kinds=definite,indirect,possible"])
        .args(["--fair-sched=try", "--num-callers=30"])
        .arg(format!("--suppressions={ROOT}/c_tests/valgrind.supp"));
    command
}

/// A program of `gdal/tests/` that uses the header, and a directory of its own.
fn program(source: &str, name: &str) -> (PathBuf, PathBuf) {
    tools();
    let directory = scratch("gdal", name);
    let program = directory.join(source);
    let own = std::env::current_exe().expect("the path of this test");
    let libraries = own.parent().expect("target/<profile>/deps");
    run(Command::new("cc")
        .args(["-std=c99", "-g", "-O1"])
        .args(WARNINGS)
        .args(gdal_includes())
        .arg(format!("-I{ROOT}/include"))
        .arg(format!("-I{ROOT}/c_tests"))
        .arg(format!("{ROOT}/gdal/tests/{source}.c"))
        .arg(format!("{ROOT}/c_tests/support.c"))
        .arg("-o")
        .arg(&program)
        .arg(libraries.join("libtilecache.so"))
        .arg(format!("-Wl,-rpath,{}", libraries.display()))
        .args(["-lgdal", "-lcmocka", "-lpthread", "-lm"]));
    (program, directory)
}

/// Where GDAL's headers are, as those of the system: they are not strict C99 themselves.
fn gdal_includes() -> Vec<String> {
    run(Command::new("gdal-config").arg("--cflags"))
        .split_whitespace()
        .filter_map(|flag| flag.strip_prefix("-I"))
        .flat_map(|directory| ["-isystem".to_owned(), directory.to_owned()])
        .collect()
}

fn tools() {
    for (tool, package) in [
        ("gdal-config", "libgdal-dev"),
        ("gdalinfo", "gdal-bin"),
        ("gdalcompare.py", "python3-gdal"),
        ("cmake", "cmake"),
        ("cc", "gcc"),
        ("c++", "g++"),
        ("nm", "binutils"),
        ("valgrind", "valgrind"),
    ] {
        assert!(
            Command::new(tool).arg("--version").output().is_ok(),
            "{tool} is missing: apt-get install {package}, or run scripts/test, which does"
        );
    }
    let modules = python()
        .args(["-c", "from osgeo import gdal; import numpy"])
        .output();
    assert!(
        modules.is_ok_and(|output| output.status.success()),
        "Python's GDAL is missing: apt-get install python3-gdal python3-numpy"
    );
}

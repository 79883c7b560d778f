//! The tool as its users run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SCENE: &str = "../../bindings/tour/scene.tif";

fn tool() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tilecache"));
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    tool().args(arguments).output().expect("it starts")
}

/// What it prints, of a run that goes well and says nothing else.
fn said(arguments: &[&str]) -> String {
    let ran = run(arguments);
    let (out, error) = (
        String::from_utf8(ran.stdout).unwrap(),
        String::from_utf8(ran.stderr).unwrap(),
    );
    assert!(ran.status.success(), "{arguments:?}: {out}{error}");
    assert_eq!(error, "", "{arguments:?}: a bar in a pipe");
    out
}

fn json(arguments: &[&str]) -> Value {
    let text = said(arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A failure: its number, and the line that says why.
fn failed(arguments: &[&str]) -> (i32, String) {
    let ran = run(arguments);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "", "{arguments:?}");
    (
        ran.status.code().expect("it ends by itself"),
        String::from_utf8(ran.stderr).unwrap(),
    )
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("tilecache-tool-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pixels(file: &str) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(file).unwrap()))
        .read_info()
        .unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut data).unwrap();
    (frame.width, frame.height, data)
}

/// A picture of the scene that says of its place what it is told.
fn placed(folder: &Folder, beside: &[(&str, &str)]) -> String {
    let file = folder.path("a.png");
    said(&[
        "display",
        SCENE,
        &file,
        "--chain",
        "bands=0|stretch=0..1000|u8",
    ]);
    for (name, text) in beside {
        fs::write(folder.0.join(name), text).unwrap();
    }
    file
}

#[test]
fn info_tells_people_and_programs_the_same() {
    let text = said(&["info", SCENE]);
    for part in [
        "TIFF",
        "600 x 400, 3 bands of uint16",
        "blocks",
        "levels",
        "band 2",
        "no data by",
        "system",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let told = json(&["info", SCENE, "--json"]);
    assert_eq!(
        (&told["width"], &told["height"], &told["type"]),
        (&600.into(), &400.into(), &"uint16".into())
    );
    assert_eq!(told["bands"].as_array().unwrap().len(), 3);
    assert_eq!(told["images"], 1);
    assert_eq!(told["texts"]["TIFFTAG_IMAGEWIDTH"], "600");
    assert!(said(&["info", SCENE, "--texts"]).contains("TIFFTAG_IMAGEWIDTH=600"));
}

#[test]
fn info_tells_where_an_image_lies_and_what_is_wrong_with_it() {
    let folder = Folder::new("place");
    let file = placed(
        &folder,
        &[
            ("a.pgw", "10\n0\n0\n-10\n1005\n1995\n"),
            ("a.png.aux.xml", "<PAMDataset><open>"),
        ],
    );
    let told = json(&["info", &file, "--json"]);
    assert_eq!(told["place"]["transform"].as_array().unwrap()[0], 1000.0);
    assert_eq!(
        told["place"]["corners"]["lower right"],
        serde_json::json!([7000.0, -2000.0])
    );
    assert_eq!(told["warnings"].as_array().unwrap().len(), 1);
    let text = said(&["info", &file]);
    assert!(
        text.contains("pixel       10 x -10")
            && text.contains("lower right 7000, -2000")
            && text.contains("warning"),
        "{text}"
    );
}

#[test]
fn info_tells_how_pixels_are_stored_and_what_they_stand_for() {
    let folder = Folder::new("stored");
    let file = folder.path("levels.tif");
    said(&["pyramid", SCENE, &file, "--compression", "lzw"]);
    let text = said(&["info", &file]);
    assert!(text.contains("  stored      LZW"), "{text}");
    assert!(
        text.contains("3 bands of uint16\n"),
        "bits that are all used: {text}"
    );
    let heights = placed(
        &folder,
        &[
            ("a.pgw", "0.3\n0\n0\n-0.3\n5200000.4\n1999.85\n"),
            (
                "a.png.aux.xml",
                "<PAMDataset><PAMRasterBand band=\"1\"><UnitType>m</UnitType><Offset>100</Offset><Scale>0.5</Scale></PAMRasterBand></PAMDataset>",
            ),
        ],
    );
    let text = said(&["info", &heights]);
    assert!(
        text.contains("gray, scale 0.5, offset 100, unit m") && text.contains("5200000.25, 2000"),
        "{text}"
    );
    let band = &json(&["info", &heights, "--json"])["bands"][0];
    assert_eq!(
        (&band["scale"], &band["offset"], &band["unit"]),
        (&0.5.into(), &100.0.into(), &"m".into())
    );
}

#[test]
fn stats_are_told_of_each_band() {
    let told = json(&["stats", SCENE, "--json", "--percentiles", "0,50,100"]);
    let bands = told["bands"].as_array().unwrap();
    assert_eq!(bands.len(), 3);
    for band in bands {
        assert_eq!(band["valid"], 240_000);
        assert_eq!(band["percentiles"]["0"], band["minimum"]);
        assert_eq!(band["percentiles"]["100"], band["maximum"]);
    }
    let text = said(&["stats", SCENE, "--windows", "--threads", "2"]);
    assert_eq!(text.lines().count(), 4);
    assert_eq!(failed(&["stats", SCENE, "--level", "9"]).0, 1);
}

#[test]
fn tiles_are_counted_and_written_with_their_places() {
    let folder = Folder::new("tiles");
    let file = placed(&folder, &[("a.pgw", "10\n0\n0\n-10\n1005\n1995\n")]);
    let told = json(&["tiles", &file, "--size", "256", "--json"]);
    assert_eq!((&told["tiles"], &told["absent"]), (&6.into(), &0.into()));
    let into = folder.path("tiles");
    let text = said(&["tiles", &file, "--size", "256", "--into", &into]);
    assert!(
        text.contains(
            "6 tiles of 256 x 256, 3 in each row and 2 in each column of 600 x 400 pixels"
        ),
        "{text}"
    );
    assert!(said(&["tiles", &file]).contains("1 tile has all 600 x 400 pixels"));
    let last = json(&["info", &format!("{into}/1_2.tif"), "--json"]);
    assert_eq!((&last["width"], &last["height"]), (&88.into(), &144.into()));
    assert_eq!(
        last["place"]["corners"]["upper left"],
        serde_json::json!([6120.0, -560.0])
    );
    // Put together, they are the image.
    let tile = folder.path("tile.png");
    said(&[
        "display",
        &format!("{into}/1_2.tif"),
        &tile,
        "--chain",
        "u8",
    ]);
    let (whole, part) = (pixels(&file), pixels(&tile));
    let cut: Vec<u8> = (256..400)
        .flat_map(|row| whole.2[row * 600 + 512..row * 600 + 600].to_vec())
        .collect();
    assert!(part.2 == cut, "the tile has other pixels than the image");
    assert!(
        failed(&["tiles", &file, "--into", &into])
            .1
            .contains("is not empty")
    );
}

#[test]
fn tiles_that_fail_leave_no_folder_behind() {
    let folder = Folder::new("cut");
    let bytes = fs::read(SCENE).unwrap();
    let file = folder.path("cut.tif");
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let into = folder.path("tiles");
    let (code, why) = failed(&["tiles", &file, "--size", "64", "--into", &into]);
    assert_eq!(code, 1, "{why}");
    assert_eq!(folder.names(), ["cut.tif"]);
}

#[test]
fn display_tells_the_chain_and_draws_it() {
    let folder = Folder::new("display");
    let told = json(&["display", SCENE, "--json"]);
    assert!(told["chain"].as_str().unwrap().contains("stretch="));
    assert!(!told["why"].as_array().unwrap().is_empty());
    let small = folder.path("small.png");
    let text = said(&["display", SCENE, &small, "--size", "150"]);
    assert!(text.contains("150 x 100 pixels"), "{text}");
    assert_eq!(pixels(&small).0, 150);
    let tiff = folder.path("picture.tif");
    said(&[
        "display",
        SCENE,
        &tiff,
        "--chain",
        "bands=1|stretch=2..98%|u8",
    ]);
    assert_eq!(json(&["info", &tiff, "--json"])["type"], "uint8");
    let (code, why) = failed(&["display", SCENE, &folder.path("picture.gif")]);
    assert_eq!(code, 1);
    assert!(
        why.contains("picture.gif: a picture is written as .png"),
        "{why}"
    );
    let (code, why) = failed(&["display", SCENE, "--chain", "sharpen"]);
    assert_eq!(code, 1);
    assert!(why.contains("byte 0") || why.contains("sharpen"), "{why}");
    let ran = run(&[
        "display",
        SCENE,
        &folder.path("wide.png"),
        "--chain",
        "bands=0|u16",
    ]);
    assert!(String::from_utf8_lossy(&ran.stderr).contains("uint16"));
    assert_eq!(folder.names(), ["picture.tif", "small.png"]);
}

#[test]
fn pyramids_are_written_in_every_layout() {
    let folder = Folder::new("pyramid");
    for layout in ["cog", "tiled"] {
        let file = folder.path(&format!("{layout}.tif"));
        let text = said(&[
            "pyramid",
            SCENE,
            &file,
            "--layout",
            layout,
            "--tile-size",
            "128",
            "--compression",
            "zstd",
        ]);
        assert!(text.contains("KiB"), "{text}");
        let told = json(&["info", &file, "--json"]);
        assert_eq!(told["levels"].as_array().unwrap().len(), 3);
    }
    let copy = folder.path("copy.tif");
    fs::copy(SCENE, &copy).unwrap();
    said(&[
        "pyramid",
        &copy,
        "--layout",
        "overviews",
        "--tile-size",
        "128",
        "--filter",
        "nearest",
    ]);
    assert!(folder.names().contains(&"copy.tif.ovr".to_string()));
    assert!(failed(&["pyramid", &copy]).1.contains("say which file"));
    let (code, why) = failed(&["pyramid", SCENE, &folder.path("none/a.tif")]);
    assert!(code == 1 && why.contains("none"), "{why}");
}

#[test]
fn a_turned_image_is_put_north_up() {
    let folder = Folder::new("turned");
    // Columns go north and rows go east: x = 1000 + 10 row, y = 2000 + 10 col.
    let file = placed(&folder, &[("a.pgw", "0\n10\n10\n0\n1005\n2005\n")]);
    let (out, shown) = (folder.path("up.tif"), folder.path("up.png"));
    said(&["warp", &file, &out, "--filter", "nearest"]);
    let told = json(&["info", &out, "--json"]);
    assert_eq!(
        (&told["width"], &told["height"]),
        (&400.into(), &600.into())
    );
    assert_eq!(
        told["place"]["transform"],
        serde_json::json!([1000.0, 10.0, 0.0, 8000.0, 0.0, -10.0])
    );
    said(&["display", &out, &shown, "--chain", "bands=0|u8"]);
    let (from, to) = (pixels(&file), pixels(&shown));
    let right = (0..600)
        .all(|row| (0..400).all(|col| to.2[row * 400 + col] == from.2[col * 600 + (599 - row)]));
    assert!(right, "pixels are not where they lie");
    assert!(
        failed(&["warp", &out, &folder.path("again.tif")])
            .1
            .contains("north is up")
    );
    assert!(
        failed(&["warp", SCENE, &folder.path("none.tif")])
            .1
            .contains("nothing is known")
    );
}

/// Points of a plane that is turned: x = 5000 + 8 col + 6 row, y = 9000 + 6 col - 8 row.
fn points() -> String {
    let corner = |c: f64, r: f64| {
        let (x, y) = (5000.0 + 8.0 * c + 6.0 * r, 9000.0 + 6.0 * c - 8.0 * r);
        format!("<GCP Id=\"\" Pixel=\"{c}\" Line=\"{r}\" X=\"{x}\" Y=\"{y}\" Z=\"0\"/>")
    };
    let all: String = [
        (0.0, 0.0),
        (600.0, 0.0),
        (0.0, 400.0),
        (600.0, 400.0),
        (300.0, 200.0),
    ]
    .map(|(c, r)| corner(c, r))
    .concat();
    format!("<PAMDataset><GCPList Projection=\"\">{all}</GCPList></PAMDataset>")
}

#[test]
fn an_image_is_straightened_by_control_points() {
    let folder = Folder::new("points");
    let file = placed(&folder, &[("a.png.aux.xml", &points())]);
    assert!(said(&["info", &file]).contains("5 control points"));
    for how in [&[][..], &["--order", "1"][..]] {
        let out = folder.path("up.tif");
        said(&[&["warp", &file, &out, "--resolution", "10"], how].concat());
        let told = json(&["info", &out, "--json"]);
        // x from 5000 to 5000 + 4800 + 2400, y from 9000 - 3200 to 9000 + 3600.
        let transform = told["place"]["transform"].as_array().unwrap().clone();
        for (number, wanted) in transform
            .iter()
            .zip([5000.0, 10.0, 0.0, 12600.0, 0.0, -10.0])
        {
            assert!(
                (number.as_f64().unwrap() - wanted).abs() < 1e-6,
                "{transform:?}"
            );
        }
        assert_eq!(
            (&told["width"], &told["height"]),
            (&720.into(), &680.into())
        );
    }
}

#[test]
fn an_image_is_straightened_by_rational_polynomials() {
    let folder = Folder::new("rpc");
    let terms = |first: usize| {
        (0..20)
            .map(|term| if term == first { "1" } else { "0" })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let item = |key: &str, value: &str| format!("<MDI key=\"{key}\">{value}</MDI>");
    let items = [
        ("LINE_OFF", "199.5"),
        ("SAMP_OFF", "299.5"),
        ("LAT_OFF", "45"),
        ("LONG_OFF", "10"),
        ("HEIGHT_OFF", "100"),
        ("LINE_SCALE", "-200"),
        ("SAMP_SCALE", "300"),
        ("LAT_SCALE", "0.02"),
        ("LONG_SCALE", "0.03"),
        ("HEIGHT_SCALE", "500"),
    ]
    .map(|(key, value)| item(key, value))
    .concat();
    let polynomials = [
        ("LINE_NUM_COEFF", 2),
        ("LINE_DEN_COEFF", 0),
        ("SAMP_NUM_COEFF", 1),
        ("SAMP_DEN_COEFF", 0),
    ]
    .map(|(key, first)| item(key, &terms(first)))
    .concat();
    let xml = format!(
        "<PAMDataset><Metadata domain=\"RPC\">{items}{polynomials}</Metadata></PAMDataset>"
    );
    let file = placed(&folder, &[("a.png.aux.xml", &xml)]);
    assert!(said(&["info", &file]).contains("rational ones"));
    let out = folder.path("up.tif");
    said(&["warp", &file, &out]);
    let told = json(&["info", &out, "--json"]);
    assert_eq!(told["place"]["epsg"], 4326);
    let transform = told["place"]["transform"].as_array().unwrap().clone();
    for (at, wanted) in [(0, 9.97), (1, 0.0001), (3, 45.02), (5, -0.0001)] {
        assert!(
            (transform[at].as_f64().unwrap() - wanted).abs() < 1e-6,
            "{transform:?}"
        );
    }
}

#[cfg(not(feature = "gdal"))]
#[test]
fn other_reference_systems_need_gdal() {
    let folder = Folder::new("systems");
    let (code, why) = failed(&["warp", SCENE, &folder.path("out.tif"), "--to", "EPSG:3035"]);
    assert!(
        code == 1 && why.contains("--features gdal") && why.contains("EPSG:3035"),
        "{why}"
    );
    assert!(folder.names().is_empty());
}

#[cfg(feature = "gdal")]
mod by_gdal {
    use super::*;

    fn ran(program: &str, arguments: &[&str]) {
        let ran = Command::new(program)
            .args(arguments)
            .output()
            .expect("gdal-bin is installed");
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    /// The scene as bytes, in some place.
    fn placed_by(folder: &Folder, words: &[&str]) -> String {
        let (from, to) = (placed(folder, &[]), folder.path("placed.tif"));
        ran("gdal_translate", &[words, &["-q", &from, &to]].concat());
        to
    }

    fn in_utm(folder: &Folder) -> String {
        placed_by(
            folder,
            &[
                "-a_srs",
                "EPSG:32632",
                "-a_ullr",
                "500000",
                "5200000",
                "506000",
                "5196000",
            ],
        )
    }

    /// Whether two files lie in the same place and have nearly the same pixels.
    fn compared(folder: &Folder, ours: &str, theirs: &str) {
        let (told, wanted) = (
            json(&["info", ours, "--json"]),
            json(&["info", theirs, "--json"]),
        );
        assert_eq!(
            (&told["width"], &told["height"], &told["place"]["epsg"]),
            (
                &wanted["width"],
                &wanted["height"],
                &wanted["place"]["epsg"]
            )
        );
        for number in 0..6 {
            let of = |told: &Value| told["place"]["transform"][number].as_f64().unwrap();
            assert!(
                (of(&told) - of(&wanted)).abs() <= 1e-9 * of(&wanted).abs(),
                "{told} {wanted}"
            );
        }
        let shown = |file: &str, name: &str| {
            let picture = folder.path(name);
            said(&[
                "display",
                file,
                &picture,
                "--chain",
                "bands=0|u8",
                "--size",
                "4096",
            ]);
            pixels(&picture).2
        };
        let (a, b) = (shown(ours, "ours.png"), shown(theirs, "theirs.png"));
        assert!(a.iter().filter(|value| **value > 0).count() > a.len() / 2);
        let near = a.iter().zip(&b).filter(|(a, b)| a.abs_diff(**b) <= 1);
        let near = near.count();
        assert!(
            near * 1000 >= a.len() * 995,
            "{near} of {} pixels are near",
            a.len()
        );
    }

    #[test]
    fn an_image_is_led_to_another_system_as_gdalwarp_does() {
        let folder = Folder::new("to");
        let file = in_utm(&folder);
        // 30 is a resolution in which both round the size to the same: gdalwarp cuts off up to half a pixel.
        for more in [&[][..], &["30"][..]] {
            let (ours, theirs) = (folder.path("ours.tif"), folder.path("theirs.tif"));
            let mut asked = vec!["warp", &file, &ours, "--to", "EPSG:3035"];
            let mut known = vec![
                "-q",
                "-overwrite",
                "-t_srs",
                "EPSG:3035",
                "-et",
                "0",
                "-r",
                "bilinear",
            ];
            for units in more {
                asked.extend(["--resolution", units]);
                known.extend(["-tr", units, units]);
            }
            known.extend([file.as_str(), theirs.as_str()]);
            said(&asked);
            ran("gdalwarp", &known);
            compared(&folder, &ours, &theirs);
        }
    }

    #[test]
    fn control_points_lead_there_too() {
        let folder = Folder::new("to-points");
        let mut words = vec!["-a_srs".to_string(), "EPSG:4326".into()];
        for (c, r) in [(0, 0), (600, 0), (0, 400), (600, 400), (300, 200)] {
            let (x, y) = (9.0 + 1e-4 * f64::from(c), 47.0 - 1e-4 * f64::from(r));
            words.push("-gcp".into());
            words.extend([c.to_string(), r.to_string(), x.to_string(), y.to_string()]);
        }
        let words = words.iter().map(String::as_str).collect::<Vec<_>>();
        let file = placed_by(&folder, &words);
        for (ours_by, theirs_by) in [
            (&[][..], &["-tps"][..]),
            (&["--order", "1"][..], &["-order", "1"][..]),
        ] {
            let (ours, theirs) = (folder.path("ours.tif"), folder.path("theirs.tif"));
            said(&[&["warp", &file, &ours, "--to", "EPSG:32632"], ours_by].concat());
            let known = [
                "-q",
                "-overwrite",
                "-t_srs",
                "EPSG:32632",
                "-et",
                "0",
                "-r",
                "bilinear",
            ];
            ran("gdalwarp", &[&known, theirs_by, &[&file, &theirs]].concat());
            compared(&folder, &ours, &theirs);
        }
    }

    #[test]
    fn corners_are_told_in_degrees() {
        let folder = Folder::new("degrees");
        let file = in_utm(&folder);
        let told = json(&["info", &file, "--json"]);
        // Easting 500000 is the middle of the zone, which is at 9 degrees.
        let corner = &told["place"]["corners_in_degrees"]["upper left"];
        assert!(
            (corner[0].as_f64().unwrap() - 9.0).abs() < 1e-9
                && (corner[1].as_f64().unwrap() - 46.95353).abs() < 1e-4,
            "{corner}"
        );
        assert!(said(&["info", &file]).contains("(longitude 9.000000, latitude 46.9535"));
    }

    #[test]
    fn systems_that_are_none_are_refused() {
        let folder = Folder::new("none");
        let (file, out) = (in_utm(&folder), folder.path("out.tif"));
        for (more, word) in [
            (&["--to", "EPSG:99"][..], "EPSG:99"),
            (&["--to", "EPSG:3035", "--resolution", "-5"][..], "-5"),
            (&["--to", "EPSG:3035", "--resolution", "1e-9"][..], "1e-09"),
        ] {
            let (code, why) = failed(&[&["warp", &file, &out], more].concat());
            assert!(code == 1 && why.contains(word), "{why}");
        }
        let (code, why) = failed(&["warp", SCENE, &out, "--to", "EPSG:3035"]);
        assert!(code == 1 && why.contains("nothing is known"), "{why}");
        assert!(!folder.names().contains(&"out.tif".to_string()));
    }
}

#[test]
fn bench_says_which_budget_and_which_layout_help() {
    let folder = Folder::new("bench");
    let tiled = folder.path("tiled.tif");
    said(&["pyramid", SCENE, &tiled, "--tile-size", "128"]);
    let told = json(&["bench", SCENE, "--size", "64", "--budget", "64K", "--json"]);
    let orders = told["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 3);
    for order in orders {
        let (decodes, ends) = (
            &order["decodes_of_a_block"],
            &order["bytes_that_end_repeated_decodes"],
        );
        assert!(
            decodes.as_f64().unwrap() >= 1.0 && ends.as_u64().unwrap() > 0,
            "{order}"
        );
    }
    assert_eq!(
        told["blocks_measured"],
        16.min(told["blocks"].as_u64().unwrap())
    );
    let text = said(&["bench", SCENE, "--size", "64"]);
    assert!(
        text.contains("column by column") && text.contains("No block is decoded twice"),
        "{text}"
    );
    assert!(
        said(&["bench", &tiled, "--size", "64", "--budget", "1K"])
            .contains("would end repeated decodes")
    );
}

/// A TIFF of 4096 x 4096 pixels of three bytes, all of them 0, in strips of 16 rows; a file with holes.
fn strips(path: &str) {
    const SIDE: u32 = 4096;
    const STRIP: u32 = 16 * SIDE * 3;
    let count = SIDE / 16;
    let (bits, offsets) = (8 + 2 + 12 * 10 + 4, 8 + 2 + 12 * 10 + 4 + 6);
    let sizes = offsets + 4 * count;
    let pixels = sizes + 4 * count;
    let mut bytes = b"II*\0\x08\0\0\0\x0a\0".to_vec();
    for (tag, kind, number, value) in [
        (256u16, 4u16, 1, SIDE),
        (257, 4, 1, SIDE),
        (258, 3, 3, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, count, offsets),
        (277, 3, 1, 3),
        (278, 3, 1, 16),
        (279, 4, count, sizes),
        (284, 3, 1, 1),
    ] {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([number.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend([0; 4]);
    bytes.extend([8u16, 8, 8].map(u16::to_le_bytes).concat());
    bytes.extend((0..count).flat_map(|strip| (pixels + strip * STRIP).to_le_bytes()));
    bytes.extend((0..count).flat_map(|_| STRIP.to_le_bytes()));
    assert_eq!(bytes.len(), pixels as usize);
    fs::write(path, bytes).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(u64::from(pixels + count * STRIP)).unwrap();
}

/// What it says of a file on any machine: what is told of times, and which advice is worth them, differs.
fn without_times(text: &str) -> String {
    let (blocks, rest) = text.split_once(", decoded in").expect("the blocks");
    let (_, orders) = rest.split_once("\n\n").expect("the orders");
    let (orders, advice) = orders.split_once("\n\n").expect("the advice");
    let (advice, _) = advice.split_once('.').expect("a sentence");
    [blocks, orders, advice].join("\n")
}

#[test]
fn bench_says_what_the_page_on_slow_files_shows() {
    let page = fs::read_to_string("../../docs/slow-files.md").unwrap();
    let shown = page
        .split("tilecache bench slow.tif --budget 32M\n```\n\n```text\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the page shows what it prints");
    let folder = Folder::new("slow");
    let file = folder.path("slow.tif");
    strips(&file);
    let text = said(&["bench", &file, "--budget", "32M"]).replace(&file, "slow.tif");
    assert_eq!(without_times(&text), without_times(shown));
}

#[test]
fn exit_codes_and_reasons() {
    assert_eq!(
        failed(&["info", "missing.tif"]),
        (
            1,
            "tilecache: missing.tif: No such file or directory (os error 2)\n".into()
        )
    );
    assert_eq!(failed(&["info", "Cargo.toml"]).0, 1);
    assert_eq!(failed(&["info", SCENE, "--image", "7"]).0, 1);
    for wrong in [
        &["frobnicate"][..],
        &["info"],
        &["stats", SCENE, "--budget", "lots"],
        &["tiles", SCENE, "--size", "0"],
        &[],
    ] {
        assert_eq!(failed(wrong).0, 2, "{wrong:?}");
    }
    // A reader that goes early is no failure.
    let piped = Command::new("sh")
        .args([
            "-c",
            &format!(
                "{} info {SCENE} --texts | head -n 1",
                env!("CARGO_BIN_EXE_tilecache")
            ),
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&piped.stderr), "");
}

/// A tiled TIFF of 30,208 x 30,208 zeros, of which the file system stores next to nothing.
fn large(file: &str) {
    const TILE: u32 = 512;
    const SIDE: u32 = 59;
    let count = SIDE * SIDE;
    let (offsets, lengths) = (8, 8 + 4 * count);
    let (directory, pixels) = (lengths + 4 * count, lengths + 4 * count + 1024);
    let mut data = b"II*\0".to_vec();
    data.extend(directory.to_le_bytes());
    data.extend((0..count).flat_map(|tile| (pixels + tile * TILE * TILE).to_le_bytes()));
    data.extend((0..count).flat_map(|_| (TILE * TILE).to_le_bytes()));
    let tags = [
        (256, SIDE * TILE, 1),
        (257, SIDE * TILE, 1),
        (258, 8, 1),
        (259, 1, 1),
        (262, 1, 1),
        (277, 1, 1),
        (322, TILE, 1),
        (323, TILE, 1),
        (324, offsets, count),
        (325, lengths, count),
    ];
    data.extend((tags.len() as u16).to_le_bytes());
    for (tag, value, many) in tags {
        data.extend((tag as u16).to_le_bytes());
        data.extend(4u16.to_le_bytes());
        data.extend(many.to_le_bytes());
        data.extend(value.to_le_bytes());
    }
    data.extend(0u32.to_le_bytes());
    fs::write(file, data).unwrap();
    let opened = fs::OpenOptions::new().write(true).open(file).unwrap();
    opened
        .set_len(u64::from(pixels) + u64::from(count) * u64::from(TILE * TILE))
        .unwrap();
}

/// Waits until a program has a handler for SIGINT.
fn wait_until_it_listens(process: u32) {
    let caught = || {
        let told = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let mask = told.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    let begin = Instant::now();
    while caught().is_some_and(|mask| mask & 2 == 0) && begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_interrupted_command_leaves_nothing_behind() {
    let folder = Folder::new("interrupted");
    let (file, out) = (folder.path("large.tif"), folder.path("out"));
    large(&file);
    for (arguments, signal) in [
        (
            vec![
                "pyramid",
                &file,
                &out,
                "--filter",
                "lanczos",
                "--threads",
                "2",
            ],
            "INT",
        ),
        (
            vec![
                "pyramid", &file, &out, "--layout", "tiled", "--filter", "median",
            ],
            "TERM",
        ),
        (vec!["stats", &file], "INT"),
        (vec!["tiles", &file, "--into", &out, "--size", "64"], "INT"),
    ] {
        let child = tool()
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until_it_listens(child.id());
        std::thread::sleep(Duration::from_millis(300));
        let begin = Instant::now();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success(), "{arguments:?} had ended");
        let ran = child.wait_with_output().unwrap();
        assert_eq!(
            ran.status.code(),
            Some(130),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        assert!(String::from_utf8_lossy(&ran.stderr).contains("nothing was left behind"));
        assert_eq!(folder.names(), ["large.tif"], "{arguments:?}");
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{arguments:?} took {:?} to end",
            begin.elapsed()
        );
    }
}

#[test]
fn bars_are_on_a_terminal_and_not_in_a_pipe() {
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped: bars on a terminal: there is no program `script`");
        return;
    }
    let folder = Folder::new("bars");
    let on_terminal = |more: &str| {
        let command = format!(
            "{} pyramid {SCENE} {} {more}",
            env!("CARGO_BIN_EXE_tilecache"),
            folder.path("a.tif")
        );
        let ran = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    assert!(on_terminal("").contains("levels ["), "{}", on_terminal(""));
    assert!(!on_terminal("--quiet").contains("levels ["));
}

#[test]
fn shells_and_man_know_it() {
    for shell in ["bash", "zsh", "fish"] {
        let script = said(&["completions", shell]);
        assert!(
            script.contains("pyramid") && script.contains("compression"),
            "{shell}"
        );
    }
    let page = said(&["manual"]);
    for part in [
        ".TH tilecache",
        ".SH WARP",
        "rational polynomials",
        "resolution",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        !page.contains("(1)"),
        "it refers to a page that is not there"
    );
    let folder = Folder::new("manual");
    let pages = folder.path("man1");
    said(&["manual", "--into", &pages]);
    let main = fs::read_to_string(format!("{pages}/tilecache.1")).unwrap();
    let named = main.split("(1)").map(|before| {
        let mut name =
            before.rsplit(|letter: char| !(letter.is_alphanumeric() || "\\-".contains(letter)));
        name.next().unwrap().replace('\\', "")
    });
    let named: Vec<_> = named
        .filter(|name| name.starts_with("tilecache-"))
        .collect();
    assert!(named.len() >= 9, "{named:?}");
    for name in named {
        let page = fs::read_to_string(format!("{pages}/{name}.1"));
        let page = page.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
    let (status, why) = failed(&["manual", "--into", SCENE]);
    assert_eq!(status, 1);
    assert!(why.contains(SCENE), "{why}");
    assert!(said(&["--help"]).contains("bench"));
    assert!(Path::new(SCENE).exists());
}

//! What GDAL makes of the files.

use crate::files::{Folder, levels_of};
use crate::random::{self, Random, Validity};
use crate::ways::{Way, options};
use crate::{pyramid, support_gdal};
use std::path::PathBuf;
use std::process::Command;
use tilecache::build::{Layout, Options, build_pyramid};
use tilecache::dtype::DType;

/// Has GDAL read files.
fn read(paths: &[PathBuf]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/build/check.py");
    let mut command = Command::new("/usr/bin/python3");
    support_gdal::run(command.arg(script).args(paths));
}

#[test]
fn gdal_reads_the_same_levels_and_finds_clouds_optimised() {
    let folder = Folder::new("gdal");
    let mut random = Random::new(6);
    let (mut paths, mut right) = (Vec::new(), Vec::new());
    for (at, dtype) in DType::ALL.iter().enumerate() {
        for (nth, compression) in Way::COMPRESSIONS.into_iter().enumerate() {
            let validity = [
                Validity::All,
                Validity::Mask,
                Validity::Nodata,
                Validity::Alpha,
            ][(at + nth) % 4];
            let bands = random.one_of(&[1, 2, 3, 4, 6]);
            let mut picture = random::picture(*dtype, (75, 50), bands, validity, &mut random);
            let nodata = picture.nodata[0];
            picture.nodata.fill(nodata);
            if dtype.is_complex() {
                picture.nodata.fill(None);
            }
            let (source, _) = picture.provider((32, 32));
            let is_cog = (at + nth) % 2 == 0;
            let options = Options {
                layout: if is_cog { Layout::Cog } else { Layout::Tiled },
                threads: 2,
                ..options(compression, *dtype, &mut random)
            };
            let kind = if is_cog { ".cog" } else { "" };
            let path = folder.file(&format!("{at}-{nth}{kind}.tif"));
            build_pyramid(source.clone(), &path, &options, None, &mut |_| true).unwrap();
            right.push((pyramid(&source, &options), format!("{dtype:?} {options:?}")));
            paths.push(path);
        }
    }
    read(&paths);
    for (path, (right, what)) in paths.iter().zip(right) {
        let read = |level: usize, what: &str| {
            let name = format!("{}.{level}.{what}", path.display());
            std::fs::read(name).unwrap()
        };
        for (level, pixels) in levels_of(&right).iter().enumerate() {
            assert!(read(level, "raw") == *pixels, "level {level}: {what}");
        }
        if let Some(mask) = right.mask() {
            for (level, pixels) in levels_of(&mask).iter().enumerate() {
                assert!(read(level, "mask") == *pixels, "mask {level}: {what}");
            }
        }
    }
}

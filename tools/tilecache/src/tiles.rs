//! `tilecache tiles`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::api::{Provider, sized};
use crate::arguments::Tiles;
use crate::failure::{Failure, Outcome, of_system};
use crate::progress::{Progress, go_on};
use crate::raw::*;
use crate::{output, pyramid, words};

pub fn run(asked: &Tiles, quiet: bool) -> Outcome {
    let cache = pyramid::cache(&asked.work)?;
    let source = Provider::open(&asked.source.file, asked.source.image)?.cached(&cache)?;
    let image = if asked.level == 0 {
        source
    } else {
        source.level(asked.level)?
    };
    let tiles = image.retile(asked.size, asked.size, &cache)?;
    let info = tiles.info()?;
    let count = info.grid_cols * info.grid_rows;

    let mut absent = 0;
    for row in 0..info.grid_rows {
        go_on()?;
        for col in 0..info.grid_cols {
            absent += i64::from(!tiles.has_block(row, col, 0)?);
        }
    }
    if let Some(folder) = &asked.into {
        write_all(&tiles, &info, folder, &cache, quiet || asked.json)?;
    }
    if asked.json {
        return output::json(&json!({
            "level": asked.level,
            "image": words::pair(info.width, info.height),
            "tile": words::pair(asked.size, asked.size),
            "grid": {"columns": info.grid_cols, "rows": info.grid_rows},
            "tiles": count,
            "absent": absent,
            "into": asked.into,
        }));
    }
    let (size, width, height) = (asked.size, info.width, info.height);
    let mut text = match count {
        1 => {
            format!("1 tile has all {width} x {height} pixels; tiles are {size} x {size} at most\n")
        }
        _ => format!(
            "{count} tiles of {size} x {size}, {} in each row and {} in each column of {width} x {height} pixels\n",
            info.grid_cols, info.grid_rows
        ),
    };
    if absent > 0 {
        text += &format!(
            "{} without a stored pixel\n",
            words::counted(absent, "tile", "tiles")
        );
    }
    if let Some(folder) = &asked.into {
        text += &format!("written to {}, each with its place\n", folder.display());
    }
    output::text(&text)
}

/// Removes what it has written, unless all of it was.
struct Folder<'a> {
    path: &'a Path,
    is_new: bool,
    files: Vec<PathBuf>,
    complete: bool,
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        if self.is_new {
            let _ = fs::remove_dir(self.path);
        }
    }
}

fn write_all(
    tiles: &Provider,
    info: &tc_image_info,
    path: &Path,
    cache: &crate::api::Cache,
    quiet: bool,
) -> Outcome {
    let is_new = !path.exists();
    if is_new {
        fs::create_dir(path).map_err(|error| of_system(path, error))?;
    } else if fs::read_dir(path)
        .map_err(|error| of_system(path, error))?
        .next()
        .is_some()
    {
        return Err(Failure::Other(format!("{} is not empty", path.display())));
    }
    let mut folder = Folder {
        path,
        is_new,
        files: Vec::new(),
        complete: false,
    };
    let progress = Progress::new("tiles", quiet);
    let silent = Progress::new("", true);
    let options = tc_build_options {
        levels: 1,
        layout: TC_BUILD_TILED,
        flags: TC_BUILD_NO_SYNC,
        ..sized()
    };
    let digits = (info.grid_rows.max(info.grid_cols) - 1).to_string().len();
    for row in 0..info.grid_rows {
        for col in 0..info.grid_cols {
            go_on()?;
            let (x, y) = (col * info.block_width, row * info.block_height);
            let (width, height) = (
                info.block_width.min(info.width - x),
                info.block_height.min(info.height - y),
            );
            let file = path.join(format!("{row:0digits$}_{col:0digits$}.tif"));
            folder.files.push(file.clone());
            tiles
                .part(x, y, width, height, cache)?
                .build(&file, options, cache, &silent)?;
            progress.set(
                (row * info.grid_cols + col + 1) as f64 / (info.grid_rows * info.grid_cols) as f64,
            );
        }
    }
    folder.complete = true;
    Ok(())
}

//! A walk over an image with levels, the same in every run: pans, jumps and changes of level.

/// The size of a view in pixels.
const VIEW: (u64, u64) = (1600, 1000);

/// What is looked at: an area of a level.
pub struct View {
    pub level: u32,
    pub x: u64,
    pub y: u64,
    pub width: u64,
    pub height: u64,
}

/// The views of a walk over an image with levels of these sizes. Most steps go on in one direction, as hands do.
pub fn views(levels: &[(u64, u64)], steps: usize) -> Vec<View> {
    let mut state = 7u64;
    let mut below = |end: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let (mut level, mut x, mut y, mut direction) = (0u32, 0i64, 0i64, 0u64);
    let mut views = Vec::new();
    while views.len() < steps {
        match below(10) {
            0 => {
                let other = below(levels.len() as u64) as u32;
                (x, y) = match other >= level {
                    true => (x >> (other - level), y >> (other - level)),
                    false => (x << (level - other), y << (level - other)),
                };
                level = other;
            }
            1 => {
                let (width, height) = levels[level as usize];
                (x, y) = (below(width) as i64, below(height) as i64);
            }
            2 | 3 => direction = below(4),
            _ => (),
        }
        let step = [(VIEW.0 / 3, 0), (0, VIEW.1 / 3)][direction as usize % 2];
        let sign = [1, -1][direction as usize / 2];
        let (width, height) = levels[level as usize];
        let stay = |at: i64, all: u64, view: u64| at.clamp(0, all.saturating_sub(view) as i64);
        x = stay(x + sign * step.0 as i64, width, VIEW.0);
        y = stay(y + sign * step.1 as i64, height, VIEW.1);
        views.push(View {
            level,
            x: x as u64,
            y: y as u64,
            width: VIEW.0.min(width),
            height: VIEW.1.min(height),
        });
    }
    views
}

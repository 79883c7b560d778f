//! Numbers, types and colours as people and JSON read them.

use serde_json::{Value, json};

use crate::raw::*;

/// The name of a sample type, and its bytes.
pub fn dtype(code: i32) -> (&'static str, u64) {
    match code {
        TC_U8 => ("uint8", 1),
        TC_I8 => ("int8", 1),
        TC_U16 => ("uint16", 2),
        TC_I16 => ("int16", 2),
        TC_U32 => ("uint32", 4),
        TC_I32 => ("int32", 4),
        TC_U64 => ("uint64", 8),
        TC_I64 => ("int64", 8),
        TC_F32 => ("float32", 4),
        TC_F64 => ("float64", 8),
        TC_CI16 => ("complex int16", 4),
        TC_CI32 => ("complex int32", 8),
        TC_CF32 => ("complex float32", 8),
        TC_CF64 => ("complex float64", 16),
        _ => ("unknown", 1),
    }
}

pub fn colour(code: i32) -> &'static str {
    match code {
        TC_COLOUR_GRAY => "gray",
        TC_COLOUR_PALETTE => "palette",
        TC_COLOUR_RED => "red",
        TC_COLOUR_GREEN => "green",
        TC_COLOUR_BLUE => "blue",
        TC_COLOUR_ALPHA => "alpha",
        TC_COLOUR_CYAN => "cyan",
        TC_COLOUR_MAGENTA => "magenta",
        TC_COLOUR_YELLOW => "yellow",
        TC_COLOUR_BLACK => "black",
        TC_COLOUR_LUMA => "luma",
        TC_COLOUR_CB => "blue difference",
        TC_COLOUR_CR => "red difference",
        _ => "undefined",
    }
}

/// A sample of 16 bytes at most as text: of a complex one both parts.
pub fn sample(data: &[u8; 16], code: i32) -> String {
    macro_rules! read {
        ($kind:ty, $at:expr) => {{
            let from = $at * size_of::<$kind>();
            <$kind>::from_ne_bytes(
                data[from..from + size_of::<$kind>()]
                    .try_into()
                    .expect("as many bytes"),
            )
        }};
    }
    match code {
        TC_U8 => read!(u8, 0).to_string(),
        TC_I8 => read!(i8, 0).to_string(),
        TC_U16 => read!(u16, 0).to_string(),
        TC_I16 => read!(i16, 0).to_string(),
        TC_U32 => read!(u32, 0).to_string(),
        TC_I32 => read!(i32, 0).to_string(),
        TC_U64 => read!(u64, 0).to_string(),
        TC_I64 => read!(i64, 0).to_string(),
        TC_F32 => read!(f32, 0).to_string(),
        TC_F64 => read!(f64, 0).to_string(),
        TC_CI16 => format!("{}{:+}i", read!(i16, 0), read!(i16, 1)),
        TC_CI32 => format!("{}{:+}i", read!(i32, 0), read!(i32, 1)),
        TC_CF32 => format!("{}{:+}i", read!(f32, 0), read!(f32, 1)),
        TC_CF64 => format!("{}{:+}i", read!(f64, 0), read!(f64, 1)),
        _ => "unknown".into(),
    }
}

/// A number for JSON, which has no NaN and no infinities: these are null.
pub fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// A number for people: whole ones as such, others with seven significant digits.
pub fn short(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{value}");
    }
    let digits = (6 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// What was measured, for people: as many digits behind the point as three significant ones need.
pub fn measured(value: f64) -> String {
    let digits = (2 - value.max(1e-9).log10().floor() as i32).clamp(0, 12) as usize;
    format!("{value:.digits$}")
}

/// A place on a map, for people: what is left of it after twelve significant digits.
pub fn exact(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return format!("{value}");
    }
    let digits = (11 - value.abs().log10().floor() as i32).clamp(0, 15) as usize;
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// A number that came as a text, with no more digits than tell it apart; as that text if it is none.
pub fn shortest(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) => format!("{value}"),
        Err(_) => text.into(),
    }
}

/// A number that came as a text; as that text if it is none.
pub fn parsed(text: &Option<String>) -> Value {
    match text.as_deref().map(str::parse) {
        Some(Ok(value)) => number(value),
        _ => json!(text),
    }
}

/// Bytes in the unit that fits.
pub fn bytes(count: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} bytes"),
        _ if value < 10.0 => format!("{value:.1} {}", units[unit]),
        _ => format!("{value:.0} {}", units[unit]),
    }
}

/// What is one, and what is many.
pub fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

pub fn pair(width: i64, height: i64) -> Value {
    json!({"width": width, "height": height})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (3.0, "3"),
            (-300.0379266750948, "-300.0379"),
            (0.1, "0.1"),
            (0.000012345678, "0.00001234568"),
            (1e20, "100000000000000000000"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(short(f64::NAN), "NaN");
        for (value, text) in [
            (5_200_000.25, "5200000.25"),
            (300.0379266750948, "300.037926675"),
            (-180.0, "-180"),
            (0.0, "0"),
            (1e20, "100000000000000000000"),
        ] {
            assert_eq!(exact(value), text);
        }
        assert_eq!(
            ["0.100000000000000006", "-5", "metres"].map(shortest),
            ["0.1", "-5", "metres"]
        );
        assert_eq!(
            [
                parsed(&Some("0.5".into())),
                parsed(&Some("m".into())),
                parsed(&None)
            ],
            [json!(0.5), json!("m"), Value::Null]
        );
        assert_eq!(
            [bytes(17), bytes(1 << 20), bytes(12_900_000), bytes(5 << 30)],
            ["17 bytes", "1.0 MiB", "12 MiB", "5.0 GiB"]
        );
    }

    #[test]
    fn samples_are_read_by_their_type() {
        let mut data = [0; 16];
        data[..8].copy_from_slice(&(-1.5f64).to_ne_bytes());
        assert_eq!(sample(&data, TC_F64), "-1.5");
        data[..2].copy_from_slice(&3i16.to_ne_bytes());
        data[2..4].copy_from_slice(&(-4i16).to_ne_bytes());
        assert_eq!(sample(&data, TC_CI16), "3-4i");
    }
}

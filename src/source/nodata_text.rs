//! Nodata values as GDAL writes them, in a tag of TIFF or beside a file, as samples.

use crate::dtype::{DType, Sample};

/// The nodata value if the type has it, and the nearest value that the type has as pad.
///
/// A value beyond the type, or between two values of a whole-number type, is equal to no pixel and so
/// is no nodata. The nearest float stands for any within the range of a floating-point type.
pub fn nodata(dtype: DType, text: &str) -> (Option<Sample>, Sample) {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if let Some(exact) = whole(dtype, text) {
        return (Some(exact), exact);
    }
    let Some(value) = number(text) else {
        return (None, Sample::default());
    };
    let most = match dtype.part() {
        DType::F32 => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    let (fits, value) = match (dtype.part(), value) {
        (DType::F32 | DType::F64, Value::Special(value)) => (true, value),
        (DType::F32, Value::Digits(value)) => ((value as f32).is_finite(), value),
        (DType::F64, Value::Digits(value)) => (value.is_finite(), value),
        // As f64 the largest number of these types is the first beyond it.
        (DType::U64, Value::Digits(value)) => (value < 2f64.powi(64), value),
        (DType::I64, Value::Digits(value)) => (value < 2f64.powi(63), value),
        (_, Value::Digits(value)) => (true, value),
        (_, Value::Special(value)) => (false, value),
    };
    let nearest = if fits {
        value
    } else {
        value.clamp(-most, most)
    };
    let sample = Sample::from_f64(dtype, nearest);
    let float = matches!(dtype.part(), DType::F32 | DType::F64);
    let fits = fits && (float || sample.to_f64(dtype) == value);
    (fits.then_some(sample), sample)
}

/// A whole number of 64 bits, which does not survive a way through floating point.
fn whole(dtype: DType, text: &str) -> Option<Sample> {
    let bytes = match dtype {
        DType::U64 => text.parse::<u64>().ok()?.to_ne_bytes(),
        DType::I64 => text.parse::<i64>().ok()?.to_ne_bytes(),
        _ => return None,
    };
    let mut sample = Sample::default();
    sample.0[..8].copy_from_slice(&bytes);
    Some(sample)
}

/// Every number of so many digits is beyond all types.
const MOST_DIGITS: usize = 512;

/// What a text says.
enum Value {
    /// Digits, possibly more than any type has.
    Digits(f64),
    /// Infinity or no number, by name.
    Special(f64),
}

/// The number with which a text begins, in any spelling of C libraries that GDAL reads: those of
/// infinity and NaN by glibc and MSVC, and with a comma for the point.
fn number(text: &str) -> Option<Value> {
    let word = text.split_whitespace().next()?.to_ascii_lowercase();
    let (sign, plain) = match word.strip_prefix('-') {
        Some(plain) => (-1.0, plain),
        None => (1.0, word.strip_prefix('+').unwrap_or(&word)),
    };
    let begins = |names: &[&str]| names.iter().any(|name| plain.starts_with(name));
    if begins(&["1.#qnan", "1.#snan", "1.#ind", "nan("]) || plain == "nan" {
        return Some(Value::Special(f64::NAN));
    }
    if begins(&["1.#inf"]) || matches!(plain, "inf" | "infinity") {
        return Some(Value::Special(sign * f64::INFINITY));
    }
    if let Some(digits) = plain.strip_prefix("0x") {
        let digits = digits.split(|c: char| !c.is_ascii_hexdigit()).next()?;
        let value = u64::from_str_radix(digits, 16).ok()?;
        return Some(Value::Digits(sign * value as f64));
    }
    if !plain.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',')) {
        return None;
    }
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | 'e' | '+' | '-');
    let digits = plain.split(|c| !is_part(c)).next()?.replace(',', ".");
    // What stands behind the number is passed over. More digits than these decide nothing.
    let ends = (1..=digits.len().min(MOST_DIGITS)).rev();
    let value = ends
        .filter_map(|end| digits[..end].parse::<f64>().ok())
        .next()?;
    Some(Value::Digits(sign * value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(dtype: DType, text: &str) -> (Option<f64>, f64) {
        let (nodata, pad) = nodata(dtype, text);
        (nodata.map(|sample| sample.to_f64(dtype)), pad.to_f64(dtype))
    }

    #[test]
    fn nodata_is_of_the_type_or_none() {
        assert_eq!(value(DType::U8, "255"), (Some(255.0), 255.0));
        assert_eq!(value(DType::U8, "-9999"), (None, 0.0));
        assert_eq!(value(DType::I16, "-9999 "), (Some(-9999.0), -9999.0));
        assert_eq!(value(DType::U8, "1.5").0, None);
        assert_eq!(value(DType::U8, "nonsense"), (None, 0.0));
        assert_eq!(value(DType::U8, ""), (None, 0.0));
        assert_eq!(value(DType::U8, "0x11"), (Some(17.0), 17.0));
        assert_eq!(value(DType::U8, "0x"), (None, 0.0));
        let lowest = value(DType::F32, "-3.4028234663852886e+38");
        assert_eq!(lowest.0, Some(f64::from(f32::MIN)));
        assert_eq!(value(DType::F32, "-3.4028235e+38"), lowest);
        let (nodata, _) = nodata(DType::U64, "18446744073709551615");
        assert_eq!(nodata.expect("fits").0[..8], [255; 8]);
        assert_eq!(nodata.expect("fits").0[8..], [0; 8]);
    }

    #[test]
    fn every_spelling_of_nan_and_infinity() {
        for text in [
            "nan",
            "NaN",
            "-nan",
            "nan(0x7ff)",
            "NAN(abc)",
            "1.#QNAN",
            "-1.#IND",
            "-1.#IND00",
            "1.#SNAN",
            "-1.#QNAN",
            "1.#IND",
            "nan\0",
        ] {
            for dtype in [DType::F32, DType::F64, DType::CF32] {
                let (nodata, pad) = value(dtype, text);
                assert!(nodata.is_some_and(f64::is_nan) && pad.is_nan(), "{text}");
            }
            for dtype in [DType::U8, DType::I32, DType::U64] {
                assert_eq!(value(dtype, text), (None, 0.0), "{text}");
            }
        }
        for (text, infinity) in [
            ("1.#INF", f64::INFINITY),
            ("-1.#INF", f64::NEG_INFINITY),
            ("1.#INF00", f64::INFINITY),
            ("inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
            ("+inf", f64::INFINITY),
            ("Infinity", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
        ] {
            assert_eq!(
                value(DType::F32, text),
                (Some(infinity), infinity),
                "{text}"
            );
            assert_eq!(
                value(DType::F64, text),
                (Some(infinity), infinity),
                "{text}"
            );
            let end = if infinity > 0.0 { 32767.0 } else { -32768.0 };
            assert_eq!(value(DType::I16, text), (None, end), "{text}");
        }
    }

    #[test]
    fn values_beyond_a_type_are_no_nodata_of_any() {
        for (dtype, text, nearest) in [
            (DType::U8, "256", 255.0),
            (DType::I8, "-129", -128.0),
            (DType::U16, "1e9", 65535.0),
            (DType::I32, "-1e400", -2147483648.0),
            (DType::U64, "-1", 0.0),
            (DType::U64, "18446744073709551616", u64::MAX as f64),
            (DType::I64, "9223372036854775808", i64::MAX as f64),
            (DType::F32, "1e39", f64::from(f32::MAX)),
            (DType::F32, "-3.5e38", f64::from(f32::MIN)),
            (DType::F64, "1e400", f64::MAX),
            (DType::CI16, "40000", 32767.0),
        ] {
            assert_eq!(
                value(dtype, text),
                (None, nearest),
                "{} {text}",
                dtype.name()
            );
        }
    }

    #[test]
    fn what_stands_behind_a_number_is_passed_over() {
        for (text, number) in [
            ("1,5", 1.5),
            ("  7", 7.0),
            ("12abc", 12.0),
            ("255 255", 255.0),
            ("1e3", 1000.0),
            ("1e18", 1e18),
            ("1e", 1.0),
            ("+8", 8.0),
            ("-.5", -0.5),
        ] {
            assert_eq!(value(DType::F64, text).0, Some(number), "{text}");
        }
        let long = "1e+".repeat(1 << 20);
        assert_eq!(value(DType::F64, &long).0, Some(10.0));
        assert_eq!(value(DType::F64, &"9".repeat(1 << 20)), (None, f64::MAX));
    }
}

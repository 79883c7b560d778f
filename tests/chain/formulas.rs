//! Every step against its formula, written down here once more.

use super::{Random, apply, chain, numbers, samples};
use tilecache::dtype::DType;

const REAL: [DType; 10] = [
    DType::U8,
    DType::I8,
    DType::U16,
    DType::I16,
    DType::U32,
    DType::I32,
    DType::U64,
    DType::I64,
    DType::F32,
    DType::F64,
];

/// All samples of a type of 8 or 16 bits; of others some, with its ends and what floats have besides.
fn values(dtype: DType) -> Vec<f64> {
    let mut random = Random(7);
    match dtype {
        DType::U8 => (0..=255).map(f64::from).collect(),
        DType::I8 => (-128..=127).map(f64::from).collect(),
        DType::U16 => (0..=65535).map(f64::from).collect(),
        DType::I16 => (-32768..=32767).map(f64::from).collect(),
        DType::F32 | DType::F64 => {
            let special = [
                0.0,
                -0.0,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN,
                1e-30,
                3e30,
            ];
            let some = (0..2000).map(|_| (random.below(1 << 20) as f64 - 5e5) / 137.0);
            special.into_iter().chain(some).collect()
        }
        DType::U32 | DType::U64 => (0..2000).map(|_| random.below(1 << 31) as f64).collect(),
        _ => (0..2000)
            .map(|_| random.below(1 << 31) as f64 - 1e9)
            .collect(),
    }
}

/// A chain of one band in and out makes of each sample what the formula says; of no data 0.
fn check(text: &str, dtype: DType, formula: impl Fn(f64) -> f64) {
    let chain = chain(text);
    let to = chain.info().dtype.unwrap();
    let values = values(dtype);
    let made = apply(&chain, dtype, &[samples(dtype, &values)], None).unwrap();
    let made = numbers(to, &made[0]);
    // As the samples are, which may have less digits.
    let values = numbers(dtype, &samples(dtype, &values));
    for (value, made) in values.iter().zip(made) {
        let right = formula(*value);
        let right = match to {
            DType::F32 => f64::from(right as f32),
            DType::F64 => right,
            _ if right.is_nan() => 0.0,
            _ => right,
        };
        let is_same = made == right || made.is_nan() && right.is_nan();
        assert!(
            is_same,
            "{text}: {made} of {value} in {dtype:?}, not {right}"
        );
    }
}

fn stretched(value: f64, low: f64, high: f64) -> f64 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}

fn code(t: f64, most: f64) -> f64 {
    let scaled = t * most;
    let below = scaled.floor();
    if t.is_nan() {
        f64::NAN
    } else if scaled - below >= 0.5 {
        below + 1.0
    } else {
        below
    }
}

#[test]
fn a_stretch_is_linear_and_clamped_in_every_type() {
    let limits = [
        (0.0, 255.0),
        (0.0, 65535.0),
        (0.0, 2047.0),
        (300.0, 1711.0),
        (500.2, 1303.7),
        (-1200.0, 900.5),
        (17.0, 18.0),
        (3.25, 3.5),
        (-32768.0, 32767.0),
        (1e9, 2e9),
        (-90000.0, -80000.0),
    ];
    for dtype in REAL {
        for (low, high) in limits {
            let of = |value| stretched(value, low, high);
            check(&format!("stretch={low}..{high}|u8"), dtype, |v| {
                code(of(v), 255.0)
            });
            check(&format!("stretch={low}..{high}|u16"), dtype, |v| {
                code(of(v), 65535.0)
            });
            check(&format!("stretch={low}..{high}|f32"), dtype, of);
            check(&format!("stretch={low}..{high}|f64"), dtype, of);
        }
    }
}

/// Many limits, so that the line in single precision is tried where it must give way to the table.
#[test]
fn a_stretch_of_all_samples_of_16_bits_is_exact_whatever_its_limits() {
    let mut random = Random(99);
    for _ in 0..60 {
        let low = random.below(3000) as f64 / [1.0, 7.0, 1000.0][random.below(3)];
        let high = low + 1.0 + random.below(60000) as f64 / [1.0, 3.0, 100.0][random.below(3)];
        for dtype in [DType::U16, DType::I16] {
            let text = format!("stretch={low}..{high}|u8");
            check(&text, dtype, |v| code(stretched(v, low, high), 255.0));
        }
    }
}

#[test]
fn where_both_limits_are_the_same_what_is_equal_to_them_is_127() {
    for dtype in [DType::U8, DType::U16, DType::I32, DType::F64] {
        check("stretch=100..100|u8", dtype, |v| match v {
            v if v < 100.0 => 0.0,
            100.0 => 127.0,
            v if v > 100.0 => 255.0,
            _ => f64::NAN,
        });
    }
    check("stretch=9..9|u16", DType::U8, |v| match v {
        v if v < 9.0 => 0.0,
        9.0 => 32639.0,
        _ => 65535.0,
    });
}

#[test]
fn gamma_above_one_brightens() {
    for dtype in REAL {
        for gamma in [0.4, 1.0, 1.2, 2.2] {
            let text = format!("stretch=10..900|gamma={gamma}|u8");
            let of = |v: f64| libm::pow(stretched(v, 10.0, 900.0), 1.0 / gamma);
            check(&text, dtype, |v| code(of(v), 255.0));
            check(&format!("stretch=10..900|gamma={gamma}|f64"), dtype, of);
        }
    }
    // And within a count of what the system computes.
    let made = apply(
        &chain("stretch=0..65535|gamma=2.2|u8"),
        DType::U16,
        &[samples(DType::U16, &values(DType::U16))],
        None,
    );
    for (value, made) in made.unwrap()[0].iter().enumerate() {
        let right = (value as f64 / 65535.0).powf(1.0 / 2.2) * 255.0;
        assert!(
            (f64::from(*made) - right).abs() <= 0.5 + 1e-9,
            "{value}: {made}, {right}"
        );
    }
}

#[test]
fn inverted_is_one_less_the_value() {
    for dtype in REAL {
        check("stretch=0..255|invert|u8", dtype, |v| {
            code(1.0 - stretched(v, 0.0, 255.0), 255.0)
        });
    }
}

#[test]
fn unscaled_is_scale_times_sample_plus_offset() {
    for dtype in REAL {
        check("unscale=0.25:-3|f64", dtype, |v| v * 0.25 + -3.0);
        check("unscale=-2:5e3|stretch=-100..100|u8", dtype, |v| {
            code(stretched(v * -2.0 + 5000.0, -100.0, 100.0), 255.0)
        });
    }
}

#[test]
fn of_real_samples_the_magnitude_is_the_absolute_value() {
    for dtype in REAL {
        check("magnitude|f64", dtype, f64::abs);
        check("power|f64", dtype, |v| v * v);
        check("quarter|f64", dtype, |v| (v * v).sqrt().sqrt());
        check("log|f64", dtype, |v| match v == 0.0 {
            true => f64::NAN,
            false => 20.0 * libm::log10(v.abs()),
        });
        check("log|stretch=0..60|u8", dtype, |v| {
            match v == 0.0 || v.is_nan() {
                true => f64::NAN,
                false => code(stretched(20.0 * libm::log10(v.abs()), 0.0, 60.0), 255.0),
            }
        });
    }
}

/// Within 4 units in the last place of what the system computes, or of 1.
fn is_near(name: &str, a: f64, b: f64) -> bool {
    let one = if name == "phase" { 1.0 } else { 0.0 };
    a == b
        || a.is_nan() && b.is_nan()
        || (a - b).abs() <= 4.0 * f64::EPSILON * a.abs().max(b.abs()).max(one)
}

#[test]
fn complex_samples_by_every_detection() {
    let mut random = Random(3);
    for dtype in [DType::CI16, DType::CI32, DType::CF32, DType::CF64] {
        let part = dtype.part();
        let mut parts = vec![0.0, 0.0, 3.0, 4.0, -1.0, 0.0, 0.0, -2.0, 5.0, 0.0];
        parts.extend((0..2000).map(|_| random.below(60000) as f64 - 30000.0));
        if matches!(part, DType::F32 | DType::F64) {
            parts.extend([f64::NAN, 1.0, 1.0, f64::NAN, f64::INFINITY, 2.0]);
        }
        let bytes = samples(part, &parts);
        let made = |text: &str| {
            let made = apply(&chain(text), dtype, std::slice::from_ref(&bytes), None).unwrap();
            numbers(DType::F64, &made[0])
        };
        let names = ["magnitude", "power", "quarter", "log", "phase"];
        let made = names.map(|name| made(&format!("{name}|f64")));
        for (at, pixel) in parts.as_chunks::<2>().0.iter().enumerate() {
            let [re, im] = *pixel;
            let power = re * re + im * im;
            let log = match power == 0.0 {
                true => f64::NAN,
                false => 20.0 * power.sqrt().log10(),
            };
            let turns = (im.atan2(re) + std::f64::consts::PI) / std::f64::consts::TAU;
            let right = [power.sqrt(), power, power.powf(0.25), log, turns];
            for (name, (made, right)) in names.iter().zip(made.iter().map(|all| all[at]).zip(right))
            {
                assert!(
                    is_near(name, made, right),
                    "{name} of {pixel:?}: {made}, not {right}"
                );
            }
        }
        let table = made_code(dtype, &bytes, "phase|u8");
        assert_eq!(table[..5], [128, 165, 255, 64, 128], "{dtype:?}");
    }
}

fn made_code(dtype: DType, bytes: &[u8], text: &str) -> Vec<u8> {
    apply(&chain(text), dtype, &[bytes.to_vec()], None)
        .unwrap()
        .remove(0)
}

#[test]
fn tables_are_looked_up_and_end_where_they_end() {
    // 7, 0, 255.
    for dtype in REAL {
        let formula = |v: f64| match v {
            v if v.is_nan() => f64::NAN,
            v if v < 1.0 => 7.0,
            v if v < 2.0 => 0.0,
            _ => 255.0,
        };
        match matches!(dtype, DType::F32 | DType::F64) {
            true => {
                let input = samples(dtype, &[1.0]);
                let error = apply(&chain("table=u8:BwD/|u8"), dtype, &[input], None).unwrap_err();
                assert!(
                    error
                        .to_string()
                        .starts_with("step 1 of the chain, table=u8:BwD/: "),
                    "{error}"
                );
            }
            false => check("table=u8:BwD/|u8", dtype, formula),
        }
    }
    // 1.5 and -2 as little-endian floats: values, not 0 to 1.
    check("table=f32:AADAPwAAAMA=|f64", DType::U8, |v| {
        if v == 0.0 { 1.5 } else { -2.0 }
    });
    check(
        "table=f64:AAAAAAAA+D8AAAAAAAAAwA==|log|f64",
        DType::U16,
        |v| 20.0 * libm::log10(if v == 0.0 { 1.5 } else { 2.0 }),
    );
    // 65535 and 257, after a stretch: the nearest entry.
    check("stretch=0..100|table=u16://8BAQ==|u16", DType::U16, |v| {
        if v < 50.0 { 65535.0 } else { 257.0 }
    });
}

#[test]
fn palettes_and_ramps_are_colours_by_index() {
    let indices: Vec<u8> = (0..=255).collect();
    let bands = |text: &str| {
        apply(
            &chain(text),
            DType::U8,
            std::slice::from_ref(&indices),
            None,
        )
        .unwrap()
    };
    // (1 2 3) (200 100 50)
    let made = bands("palette=rgb:AQIDyGQy|u8");
    for (band, right) in [[1, 200], [2, 100], [3, 50]].iter().enumerate() {
        assert_eq!(made[band][..2], *right);
        assert!(
            made[band][2..].iter().all(|code| *code == 0),
            "what the palette has not is black"
        );
    }
    // The second is half transparent.
    let made = bands("palette=rgba:AQID/8hkMoA=|alpha|u8");
    assert_eq!(made.len(), 4);
    assert_eq!(made[3][..4], [255, 128, 0, 0]);
    let made = bands("palette=rgb:AQIDyGQy|alpha|u16");
    assert_eq!(
        numbers(DType::U16, &made[3])[..4],
        [65535.0, 65535.0, 0.0, 0.0]
    );
    assert_eq!(numbers(DType::U16, &made[0])[..2], [257.0, 51400.0]);
    // After a stretch, the nearest colour.
    let made = bands("stretch=0..100|palette=rgb:AQIDyGQy|u8");
    assert_eq!((made[0][49], made[0][50]), (1, 200));

    let made = bands("stretch=0..255|ramp=viridis|u8");
    assert_eq!([made[0][0], made[1][0], made[2][0]], [68, 1, 84]);
    assert_eq!([made[0][255], made[1][255], made[2][255]], [253, 231, 37]);
    for name in ["cividis", "inferno", "magma", "plasma", "turbo"] {
        let made = bands(&format!("stretch=0..255|ramp={name}|u8"));
        let distinct: std::collections::HashSet<_> = (0..256)
            .map(|at| [0, 1, 2].map(|band| made[band][at]))
            .collect();
        assert!(distinct.len() > 240, "{name}");
    }
}

#[test]
fn luma_and_differences_are_those_of_bt_601_full_range() {
    let mut random = Random(5);
    let planes: Vec<Vec<u8>> = (0..3)
        .map(|_| (0..5000).map(|_| random.bits() as u8).collect())
        .collect();
    for text in [
        "ycbcr|u8",
        "stretch=0..255|ycbcr|u8",
        "bands=0,1,2|u8|ycbcr|u8",
    ] {
        let made = apply(&chain(text), DType::U8, &planes, None).unwrap();
        for at in 0..5000 {
            let [y, cb, cr] = [0, 1, 2].map(|band| f64::from(planes[band][at]));
            let right = [
                y + 1.402 * (cr - 128.0),
                y - 0.344136 * (cb - 128.0) - 0.714136 * (cr - 128.0),
                y + 1.772 * (cb - 128.0),
            ];
            for (band, right) in right.iter().enumerate() {
                assert_eq!(
                    f64::from(made[band][at]),
                    right.round().clamp(0.0, 255.0),
                    "{text} {y} {cb} {cr}"
                );
            }
        }
    }
}

#[test]
fn bands_are_chosen_in_any_order_and_parameters_are_theirs() {
    let planes: Vec<Vec<u8>> = (0..4u8)
        .map(|band| (0..50).map(|at| at * 4 + band).collect())
        .collect();
    let bytes: Vec<Vec<u8>> = planes
        .iter()
        .map(|plane| {
            samples(
                DType::U16,
                &plane.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(),
            )
        })
        .collect();
    let made = apply(&chain("bands=3,1,3"), DType::U16, &bytes, None).unwrap();
    assert_eq!(made, [&bytes[3], &bytes[1], &bytes[3]].map(Vec::clone));
    let text = "bands=3,1|unscale=1:0,2:1|bands=1,0,1|stretch=0..100,0..200,0..300|gamma=1,2,1|u8";
    let made = apply(&chain(text), DType::U16, &bytes, None).unwrap();
    for at in 0..50 {
        let (three, one) = (
            f64::from(planes[3][at]),
            f64::from(planes[1][at]) * 2.0 + 1.0,
        );
        let right = [
            code(stretched(one, 0.0, 100.0), 255.0),
            code(stretched(three, 0.0, 200.0).sqrt(), 255.0),
            code(stretched(one, 0.0, 300.0), 255.0),
        ];
        assert_eq!(
            right.map(|code| code as u8),
            [made[0][at], made[1][at], made[2][at]]
        );
    }
    let made = apply(
        &chain("bands=2|stretch=0..255|rgb|u8"),
        DType::U8,
        &planes,
        None,
    )
    .unwrap();
    assert_eq!(made, vec![planes[2].clone(); 3]);
}

#[test]
fn no_data_is_transparent_and_black_or_nan() {
    let values = [f64::NAN, 0.0, 50.0, 100.0];
    let one = samples(DType::F32, &values);
    let two = samples(DType::F32, &[f64::NAN, f64::NAN, 100.0, 100.0]);
    let mask = [255, 255, 255, 0];
    let bands = [one, two];
    let made = apply(
        &chain("stretch=0..100|alpha|u8"),
        DType::F32,
        &bands,
        Some(&mask),
    )
    .unwrap();
    assert_eq!(made, [[0, 0, 128, 0], [0, 0, 255, 0], [0, 255, 255, 0]]);
    let made = apply(&chain("stretch=0..100|u8|alpha"), DType::F32, &bands, None).unwrap();
    assert_eq!(
        made,
        [[0, 0, 128, 255], [0, 0, 255, 255], [0, 255, 255, 255]]
    );
    let made = apply(
        &chain("stretch=0..100|alpha|f64"),
        DType::F32,
        &bands,
        Some(&mask),
    )
    .unwrap();
    let made: Vec<Vec<f64>> = made.iter().map(|band| numbers(DType::F64, band)).collect();
    assert!(made[0][0].is_nan() && made[0][3].is_nan() && made[0][1..3] == [0.0, 0.5]);
    assert_eq!(made[2], [0.0, 1.0, 1.0, 0.0]);
    // Of integers nothing is NaN.
    let bytes = vec![vec![0, 9, 255]];
    let made = apply(
        &chain("stretch=0..255|alpha|u8"),
        DType::U8,
        &bytes,
        Some(&[1, 0, 255]),
    )
    .unwrap();
    assert_eq!(made, [[0, 0, 255], [255, 0, 255]]);
    let made = apply(
        &chain("log|stretch=0..60|alpha|u8"),
        DType::U8,
        &bytes,
        None,
    )
    .unwrap();
    assert_eq!(made[1], [0, 255, 255], "the logarithm of 0 is no data");
}

#[test]
fn samples_of_16_bits_and_the_same_in_wider_types_look_alike() {
    let texts = [
        "stretch=5..1000|gamma=1.7|u8",
        "unscale=0.1:3|stretch=5..100|invert|u16",
        "stretch=0..4000|ramp=turbo|u8",
        "log|stretch=0..70|alpha|u8",
        "stretch=0..60000|table=u8:AAEC/w==|gamma=2|u8",
        "quarter|stretch=0..40|f32",
    ];
    for text in texts {
        let chain = chain(text);
        let values = values(DType::U16);
        let of = |dtype: DType| apply(&chain, dtype, &[samples(dtype, &values)], None).unwrap();
        let right = of(DType::U16);
        for dtype in [DType::U32, DType::I32, DType::F32, DType::F64, DType::U64] {
            assert!(of(dtype) == right, "{text} in {dtype:?}");
        }
    }
}

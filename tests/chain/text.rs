//! Texts of chains: what they say, where they are wrong, and that they come back.

use super::{Random, chain, refused};
use tilecache::chain::{Accepts, Chain};
use tilecache::dtype::DType;
use tilecache::image::Colour;

#[test]
fn the_canonical_text_comes_back() {
    for text in [
        "bands=3,1,0|stretch=2..98%|gamma=1.2|u8",
        "bands=65535",
        "unscale|minmax|u8",
        "unscale=0.0001:-0.1|sd=2|u16",
        "unscale=1:0,2:1e-7|stretch=-1e300..5,0..1e16",
        "magnitude|dra=common|u8",
        "power|dra|f32",
        "quarter|minmax=common|gamma=2.2,1,0.45|u8",
        "log|stretch=0.5..99.999999%,common|invert|rgb|u8",
        "phase|ramp=turbo|f64",
        "sd=1.5,common|alpha|u8",
        "table=u8:AAEC|u8",
        "table=f32:AACAPw==,AAAAQA==|log|stretch=0..1|alpha|u16",
        "palette|u8",
        "palette=rgb:AQIDyGQy|u8|stretch=0..255|u8",
        "palette=rgba:AQID/8hkMoA=|alpha|u8",
        "stretch=full|u8|u8|alpha|u8",
        "ycbcr|u8",
        "f32|stretch=0..1|u8",
        "rgb",
    ] {
        let parsed = chain(text);
        assert_eq!(parsed.text(), text);
        assert_eq!(chain(parsed.text()), parsed);
    }
}

#[test]
fn other_ways_to_write_a_number_become_the_shortest() {
    for (text, canonical) in [
        ("stretch=01.50..2e2|u8", "stretch=1.5..200|u8"),
        ("stretch=-0..0.1E+1|u8", "stretch=0..1|u8"),
        ("gamma=1.0", ""),
        ("stretch=2.0..98.000000%|u8", "stretch=2..98%|u8"),
        ("stretch=0.1..1e17|u8", "stretch=0.1..1e17|u8"),
        ("stretch=0.000001..1|u8", "stretch=1e-6..1|u8"),
        ("palette=rgba:AQID/w==|u8", "palette=rgb:AQID|u8"),
    ] {
        if !canonical.is_empty() {
            assert_eq!(chain(text).text(), canonical);
        }
    }
}

#[test]
fn a_mistake_is_told_with_its_place_and_reason() {
    for (text, at, reason) in [
        ("", 0, "it is empty"),
        ("|u8", 0, "no step of the name \"\""),
        ("u8|", 3, "no step of the name \"\""),
        ("bands=0||u8", 8, "no step of the name \"\""),
        (
            "bands=0|strech=1..2|u8",
            8,
            "no step of the name \"strech\"",
        ),
        ("bands", 0, "bands needs a value"),
        ("bands=", 6, "\"\" is no band"),
        ("bands=0,-1", 8, "\"-1\" is no band"),
        ("bands=0,01", 8, "\"01\" is no band"),
        ("bands=0,65536", 8, "no band from 0 to 65535"),
        ("bands=0, 1", 8, "0x20"),
        ("bands=0\n", 7, "0x0a"),
        ("caf\u{e9}", 3, "0xc3"),
        ("stretch=1", 8, "no low..high"),
        ("stretch=1..x", 11, "\"x\" is no number"),
        ("stretch=1..+2", 11, "no number"),
        ("stretch=1..inf", 11, "no number"),
        ("stretch=1..NaN", 11, "no number"),
        ("stretch=1...5", 11, "no number"),
        ("stretch=1..1e999", 11, "too large"),
        ("stretch=0..1,5..4", 13, "5..4 is above"),
        ("stretch=-1e308..1e308", 8, "too wide"),
        ("stretch=98..2%", 8, "98 percent is not below 2"),
        ("stretch=2..2%", 8, "2 percent is not below 2"),
        ("stretch=2..101%", 11, "101 percent; it must be 0 to 100"),
        ("stretch=-1..98%", 8, "-1 percent"),
        ("stretch=0.00000001..98%", 8, "finer than a millionth"),
        (
            "stretch=1..2,common",
            8,
            "limits for all bands are one pair",
        ),
        ("minmax=all", 7, "\"all\" is not \"common\""),
        ("sd=0", 3, "0 is not above 0"),
        ("sd=-2", 3, "-2 is not above 0"),
        ("sd", 0, "sd needs a value"),
        ("stretch=0..1|gamma=0", 19, "0 is not above 0"),
        (
            "gamma=2|u8",
            0,
            "gamma: it needs values from 0 to 1: put a stretch before it",
        ),
        ("invert", 0, "put a stretch before it"),
        ("ramp=viridis", 0, "put a stretch before it"),
        (
            "stretch=0..1|ramp=rainbow",
            18,
            "none of the ramps cividis,",
        ),
        ("unscale=0:1", 8, "a scale of 0"),
        ("unscale=1", 8, "a colon between"),
        (
            "stretch=0..1|unscale",
            13,
            "unscale: it belongs before the stretch",
        ),
        ("magnitude|u8", 10, "u8: it needs values from 0 to 1"),
        (
            "bands=0,1|phase|log",
            16,
            "log: it belongs before the stretch",
        ),
        ("unscale|phase", 8, "made of samples of the source"),
        (
            "bands=0,1|stretch=0..1,0..1,0..1",
            10,
            "one pair of limits or one for each of 2 bands, not 3",
        ),
        ("bands=0,1|gamma=1", 10, "put a stretch before it"),
        ("bands=1,2|bands=2", 10, "band 2 of 2"),
        (
            "bands=0,1|palette",
            10,
            "palette: it needs 1 bands, and there are 2",
        ),
        (
            "bands=0|ycbcr",
            8,
            "ycbcr: it needs 3 bands, and there are 1",
        ),
        (
            "bands=0,1|rgb",
            10,
            "rgb: it needs 1 bands, and there are 2",
        ),
        ("palette=AQID", 8, "begins with rgb: or rgba:"),
        ("palette=rgb:AQ==", 12, "a palette of 1 bytes"),
        ("palette=rgb:", 12, "a palette of 0 bytes"),
        ("palette=rgb:A?==", 12, "no base64"),
        ("table=AQID", 6, "begins with the type"),
        ("table=u8:AQID,", 14, "a table of 0 bytes"),
        ("table=u16:AQID", 10, "a table of 3 bytes"),
        ("magnitude|table=u8:AQID", 10, "it needs whole numbers"),
        ("u8=1", 3, "u8 takes no value"),
        (
            "log|alpha",
            4,
            "alpha: put a stretch or a sample type before it",
        ),
        ("stretch=0..1|alpha|alpha", 19, "there is one already"),
        (
            "stretch=0..1|alpha|invert",
            19,
            "only the sample type and alpha may follow opacity",
        ),
        (
            "palette|invert",
            8,
            "only the sample type and alpha may follow opacity",
        ),
        ("stretch=0..1|u8|u16", 16, "it needs values from 0 to 1"),
        (
            "unscale|stretch=full",
            8,
            "the full range is that of samples of the source",
        ),
    ] {
        let error = refused(text);
        let place = format!("the text of the chain is wrong at byte {at}: ");
        assert!(
            error.starts_with(&place) && error.contains(reason),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn very_long_texts_are_bounded() {
    assert!(refused(&vec!["u8"; 257].join("|")).contains("more than 256 steps"));
    assert!(Chain::parse(&vec!["u8"; 256].join("|")).is_ok());
    let long = "x".repeat((8 << 20) + 1);
    assert!(refused(&long).contains("at most 8388608"));
    let error = refused(&"y".repeat(1 << 20));
    assert!(error.len() < 200, "{error}");
}

#[test]
fn what_a_chain_takes_and_gives_is_told_by_its_text() {
    let info = chain("bands=3,1,0|stretch=2..98%|u8").info();
    assert_eq!(info.accepts, Accepts::AtLeast(4));
    assert_eq!((info.bands, info.dtype), (Some(3), Some(DType::U8)));
    assert!(!info.is_resolved && info.needs_statistics && !info.has_opacity);
    let info = chain("stretch=full|alpha|u16").info();
    assert_eq!((info.accepts, info.bands), (Accepts::AtLeast(1), None));
    assert!(!info.is_resolved && !info.needs_statistics && info.has_opacity);
    let info = chain("stretch=0..1,2..3|u8").info();
    assert_eq!((info.accepts, info.bands), (Accepts::Exactly(2), Some(2)));
    assert!(info.is_resolved);
    use Colour::{Alpha, Blue, Gray, Green, Red, Undefined};
    let colours = |text: &str| chain(text).info().colours;
    assert_eq!(
        colours("bands=3,1,0|minmax|alpha|u8"),
        [Red, Green, Blue, Alpha]
    );
    assert_eq!(
        colours("bands=3|minmax|u8|alpha"),
        [Gray, Alpha, Undefined, Undefined]
    );
    assert_eq!(colours("palette|alpha"), [Red, Green, Blue, Alpha]);
    assert_eq!(colours("rgb"), [Red, Green, Blue, Undefined]);
    assert_eq!(colours("bands=0,1,2"), [Undefined; 4]);
    assert_eq!(colours("minmax|alpha"), [Undefined; 4]);
    assert_eq!(chain("bands=5").info().dtype, None);
    assert_eq!(chain("palette").info().bands, None);
    assert_eq!(chain("palette|alpha").info().bands, Some(4));
    assert_eq!(chain("log").info().dtype, Some(DType::F32));
}

#[test]
fn composed_chains_are_one_after_the_other() {
    let first = chain("bands=4,2,0|stretch=0..1000|u8");
    let then = chain("bands=1|stretch=0..128|u8");
    let both = first.compose(&then).unwrap();
    assert_eq!(
        both.text(),
        "bands=4,2,0|stretch=0..1000|u8|bands=1|stretch=0..128|u8"
    );
    let error = first.compose(&chain("bands=3")).unwrap_err().to_string();
    assert!(
        error.starts_with("step 4 of the chain, bands=3: band 3 of 3"),
        "{error}"
    );
    let error = chain("stretch=0..1|alpha")
        .compose(&first)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("step 3 of the chain, bands=4,2,0: only the sample type"),
        "{error}"
    );
}

fn number(random: &mut Random) -> f64 {
    match random.below(4) {
        0 => random.below(10) as f64,
        1 => random.below(1 << 20) as f64 / 1024.0,
        2 => f64::from_bits(random.bits()),
        _ => -(random.below(70000) as f64) / 7.0,
    }
}

/// A step in any spelling, which may not fit.
fn step(random: &mut Random) -> String {
    let finite = |random: &mut Random| match number(random) {
        value if value.is_finite() => value,
        _ => 3.0,
    };
    let positive = |random: &mut Random| finite(random).abs().clamp(1e-200, 1e200);
    match random.below(16) {
        0 => format!("bands={},{}", random.below(4), random.below(9)),
        1 => format!("stretch={}..{:e}", -positive(random), positive(random)),
        2 => format!(
            "stretch={}..{}%",
            random.below(50) as f64 / 8.0,
            50 + random.below(51)
        ),
        3 => [
            "minmax",
            "dra",
            "dra=common",
            "minmax=common",
            "sd=2,common",
        ][random.below(5)]
        .into(),
        4 => format!("sd={}", positive(random)),
        5 => format!("gamma={:?}", positive(random)),
        6 => format!("unscale={}:{:?}", positive(random), finite(random)),
        7 => ["magnitude", "power", "quarter", "log", "phase"][random.below(5)].into(),
        8 => ["u8", "u16", "f32", "f64"][random.below(4)].into(),
        9 => ["alpha", "rgb", "ycbcr", "invert"][random.below(4)].into(),
        10 => [
            "palette",
            "palette=rgb:AQIDyGQy",
            "palette=rgba:AQID/8hkMoA=",
        ][random.below(3)]
        .into(),
        11 => [
            "table=u8:AQID",
            "table=u16:AQID/w==",
            "table=f64:AAAAAAAA+D8=",
        ][random.below(3)]
        .into(),
        12 => ["ramp=viridis", "ramp=plasma", "unscale"][random.below(3)].into(),
        13 => format!("stretch={0}..{0},0..1", finite(random)),
        14 => "stretch=full".into(),
        _ => format!("stretch=0..{}", 1 + random.below(70000)),
    }
}

#[test]
fn random_texts_come_back() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut taken = 0;
    for _ in 0..20_000 {
        let steps: Vec<String> = (0..1 + random.below(5))
            .map(|_| step(&mut random))
            .collect();
        let text = steps.join("|");
        let Ok(parsed) = Chain::parse(&text) else {
            continue;
        };
        taken += 1;
        let again = chain(parsed.text());
        assert_eq!(again.text(), parsed.text(), "{text}");
        assert_eq!(again.info(), parsed.info(), "{text}");
    }
    assert!(taken > 2000, "{taken} texts are chains");
}

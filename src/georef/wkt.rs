//! Texts on reference systems (WKT), as far as their codes go.

/// The EPSG codes of the horizontal and the vertical part of a system.
pub fn codes(wkt: &str) -> (Option<u32>, Option<u32>) {
    let parts = children(wkt);
    match keyword(wkt) {
        "COMPD_CS" | "COMPOUNDCRS" => {
            let of = |at: usize| parts.get(at).and_then(|part| code(part));
            (of(1), of(2))
        }
        "VERT_CS" | "VERTCRS" => (None, code(wkt)),
        _ => (code(wkt), None),
    }
}

/// The EPSG code of a system, in either edition of WKT.
fn code(wkt: &str) -> Option<u32> {
    let is_code = |part: &&&str| matches!(keyword(part), "AUTHORITY" | "ID");
    let parts = children(wkt);
    let [name, code, ..] = children(parts.iter().rfind(is_code)?)[..] else {
        return None;
    };
    let code = code.trim_matches('"').parse().ok();
    code.filter(|_| name == "\"EPSG\"")
}

/// The text of a system with its EPSG code, in the edition of the text.
pub fn with_code(wkt: &str, code: u32) -> String {
    let is_second = keyword(wkt).ends_with("CRS");
    let named = match is_second {
        true => format!(",ID[\"EPSG\",{code}]]"),
        false => format!(",AUTHORITY[\"EPSG\",\"{code}\"]]"),
    };
    match wkt.trim_end().strip_suffix(']') {
        Some(open) => open.to_owned() + &named,
        None => wkt.to_owned(),
    }
}

/// A text without what stands between its elements for the eye.
pub fn on_one_line(wkt: &str) -> String {
    let mut is_quoted = false;
    let is_kept = |c: &char| {
        is_quoted ^= *c == '"';
        is_quoted || !c.is_ascii_whitespace()
    };
    wkt.chars().filter(is_kept).collect()
}

/// Whether coordinates are those of a projection, and not degrees.
pub fn is_projected(wkt: &str) -> bool {
    /// Systems that are made of others have no more of these in one another, whatever a text says.
    const MAX_DEPTH: u32 = 4;
    fn is(wkt: &str, depth: u32) -> bool {
        match keyword(wkt) {
            "PROJCS" | "PROJCRS" | "PROJECTEDCRS" => true,
            "COMPD_CS" | "COMPOUNDCRS" | "BOUNDCRS" | "SOURCECRS" if depth > 0 => {
                children(wkt).into_iter().any(|part| is(part, depth - 1))
            }
            _ => false,
        }
    }
    is(wkt, MAX_DEPTH)
}

fn keyword(wkt: &str) -> &str {
    wkt.split('[').next().unwrap_or_default().trim()
}

/// What stands between the brackets of an element, apart.
fn children(wkt: &str) -> Vec<&str> {
    let inner = wkt
        .trim()
        .strip_suffix(']')
        .and_then(|wkt| wkt.split_once('['));
    let Some((_, inner)) = inner else {
        return Vec::new();
    };
    let (mut depth, mut is_quoted) = (0u32, false);
    let parts = inner.split(|c| {
        match c {
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => depth += 1,
            ']' if !is_quoted => depth = depth.saturating_sub(1),
            _ => (),
        }
        c == ',' && depth == 0 && !is_quoted
    });
    parts.map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_whole_systems() {
        let utm = "PROJCS[\"a, [b\",GEOGCS[\"c\",AUTHORITY[\"EPSG\",\"4326\"]],UNIT[\"m\",1],AUTHORITY[\"EPSG\",\"32632\"]]";
        let high = "VERTCRS[\"h\",VDATUM[\"d\"],CS[vertical,1],ID[\"EPSG\", 5773]]";
        let compound =
            format!("COMPD_CS[\"a + h\",{utm},\n  {high}, AUTHORITY[\"EPSG\",\"7400\"]]\n");
        for (text, codes_of_it) in [
            (utm, (Some(32632), None)),
            (high, (None, Some(5773))),
            (&compound, (Some(32632), Some(5773))),
            (
                "GEOGCS[\"a\",UNIT[\"b\",1,AUTHORITY[\"EPSG\",\"9102\"]]]",
                (None, None),
            ),
            ("GEOGCS[\"a\",AUTHORITY[\"ESRI\",\"104000\"]]", (None, None)),
            ("", (None, None)),
            ("[[]]", (None, None)),
            ("+proj=utm", (None, None)),
        ] {
            assert_eq!(codes(text), codes_of_it, "{text}");
        }
    }

    #[test]
    fn projections_are_told_from_degrees() {
        let (utm, degrees) = ("PROJCRS[\"a\",BASEGEOGCRS[\"b\"]]", "GEOGCRS[\"PROJCS[\"]");
        let of = |outer: &str, inner: &str| format!("{outer}[\"c\",{inner},VERTCRS[\"d\"]]");
        for outer in ["COMPOUNDCRS", "COMPD_CS"] {
            assert!(is_projected(&of(outer, utm)) && !is_projected(&of(outer, degrees)));
        }
        assert!(is_projected(utm) && is_projected("PROJCS[\"a\",GEOGCS[\"b\"]]"));
        assert!(is_projected(&format!(
            "BOUNDCRS[SOURCECRS[{utm}],TARGETCRS[{degrees}]]"
        )));
        assert!(!is_projected(degrees) && !is_projected("") && !is_projected("+proj=utm"));
        // However often they say to be in one another.
        let many = "COMPD_CS[".repeat(1 << 18) + &"]".repeat(1 << 18);
        assert!(!is_projected(&many) && codes(&many) == (None, None));
    }

    #[test]
    fn a_text_is_given_a_code_and_loses_its_lines() {
        for (text, with) in [
            ("GEOGCS[\"a\"]\n", "GEOGCS[\"a\",AUTHORITY[\"EPSG\",\"7\"]]"),
            ("GEOGCRS[\"a\"]", "GEOGCRS[\"a\",ID[\"EPSG\",7]]"),
            ("+proj=utm", "+proj=utm"),
        ] {
            assert_eq!(with_code(text, 7), with);
        }
        let lines = "A[\"a  \"\"b\"\"\tc\",\n    B[1,\r\n\t2]]";
        assert_eq!(on_one_line(lines), "A[\"a  \"\"b\"\"\tc\",B[1,2]]");
    }
}

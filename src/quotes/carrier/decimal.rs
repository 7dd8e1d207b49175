//! Decimals of any form that JSON knows, read and written without a float.

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

use crate::domain::money::format_decimal;

/// A number of this many decimal places, not negative, that becomes a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) value: i64,
    pub(super) places: usize,
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = format_decimal(self.value, self.places);
        let number = RawValue::from_string(text).map_err(S::Error::custom)?;
        number.serialize(serializer)
    }
}

/// A JSON number, or a string with one in it, rounded half away from zero to so many decimal places, as an integer of
/// the last of them: `8.450000000001` is 845. None of what is no number or does not fit.
pub(super) fn rounded(json: &RawValue, places: u32) -> Option<i64> {
    let text = match serde_json::from_str::<String>(json.get()) {
        Ok(text) => text,
        Err(_) => json.get().to_owned(),
    };
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text.as_str()),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    // How many of the significant digits the integer has.
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let whole = i64::try_from(whole.len()).ok()?;
    let kept = whole - zeros + i64::from(exponent) + i64::from(places);
    let Ok(kept) = usize::try_from(kept) else {
        return Some(0);
    };
    // As many as any amount may have: more need not be written out.
    if kept > 18 {
        return None;
    }
    let integer: String = significant
        .chars()
        .chain(std::iter::repeat('0'))
        .take(kept)
        .collect();
    let next = significant.as_bytes().get(kept);
    let up = next.is_some_and(|digit| *digit >= b'5');
    let integer = format!("0{integer}").parse::<i64>().ok()? + i64::from(up);
    Some(if negative { -integer } else { integer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_exactly() {
        for (json, places, expected) in [
            ("8.45", 2, Some(845)),
            ("8.450000000001", 2, Some(845)),
            ("8.455", 2, Some(846)),
            ("8.4549999999999999999999999", 2, Some(845)),
            ("-8.455", 2, Some(-846)),
            ("8", 2, Some(800)),
            ("8.5", 0, Some(9)),
            ("0.0049", 2, Some(0)),
            ("0.005", 2, Some(1)),
            ("0.0005", 2, Some(0)),
            ("1.25", 3, Some(1250)),
            ("845e-2", 2, Some(845)),
            ("0.845E1", 2, Some(845)),
            ("1e+3", 0, Some(1000)),
            ("0e999999999", 2, Some(0)),
            ("1e-999999999", 2, Some(0)),
            ("1e999999999", 2, None),
            ("1e9999999999", 2, None),
            ("9999999999999999", 2, Some(999_999_999_999_999_900)),
            ("99999999999999999", 2, None),
            ("\"8.45\"", 2, Some(845)),
            ("\"845e-2\"", 2, Some(845)),
            ("\"\"", 2, None),
            ("\"8,45\"", 2, None),
            ("\"$8\"", 2, None),
            ("\"NaN\"", 2, None),
            ("\"8.\"", 2, Some(800)),
            ("\".5\"", 2, None),
            ("null", 2, None),
            ("true", 2, None),
            ("[8]", 2, None),
        ] {
            let raw = RawValue::from_string(json.to_owned()).unwrap();
            assert_eq!(rounded(&raw, places), expected, "{json}");
        }
    }

    #[test]
    fn writes_json_numbers() {
        for (value, places, expected) in [
            (3195, 2, "31.95"),
            (5, 2, "0.05"),
            (3000, 2, "30"),
            (7, 0, "7"),
        ] {
            let decimal = Decimal { value, places };
            assert_eq!(serde_json::to_string(&decimal).unwrap(), expected);
        }
    }
}

//! Invites as QR codes.

use crate::safe;
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use crate::text::SafeText;

/// Draws `line` as a QR code, or returns the reason if it cannot. A line of text
/// holds two rows of modules; the margin is four modules wide.
///
/// Light modules are drawn and dark ones left blank, because most terminals have a
/// dark background. On a light background the code appears inverted.
pub(super) fn drawn(line: &SafeText, ascii: bool) -> Result<Vec<SafeText>, SafeText> {
    if ascii {
        return Err(safe!["a QR code cannot be drawn in ASCII"]);
    }
    let code = QrCode::with_error_correction_level(line.as_str(), EcLevel::L)
        .map_err(|_| safe!["the line is too long for a QR code"])?;
    let mut picture = code.render::<Dense1x2>();
    let picture = picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    Ok(picture.lines().map(SafeText::sanitize).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "cmdchat://192.168.1.20:3000/#oak-tidy-zoom";

    #[test]
    fn qr_code_decodes_to_the_invite() {
        let mut modules = Vec::new();
        for line in drawn(&SafeText::sanitize(LINE), false).unwrap() {
            let halves = |upper| {
                line.as_str()
                    .chars()
                    .map(move |c| c == '█' || c == if upper { '▀' } else { '▄' })
            };
            modules.push(halves(true).collect::<Vec<_>>());
            modules.push(halves(false).collect());
        }
        // The number of rows is odd, so the last half line is not part of the code.
        assert_eq!((modules.len(), modules[0].len()), (38, 37));
        modules.pop();
        let inner = 4..33;
        for (y, row) in modules.iter().enumerate() {
            let in_margin = |x| !inner.contains(&x) || !inner.contains(&y);
            assert!(row.iter().enumerate().all(|(x, light)| *light || !in_margin(x)));
        }
        let grid = rqrr::SimpleGrid::from_func(inner.len(), |x, y| !modules[y + 4][x + 4]);
        assert_eq!(rqrr::Grid::new(grid).decode().unwrap().1, LINE);
    }

    #[test]
    fn undrawable_qr_code_is_explained() {
        let why = |line: &str, ascii| drawn(&SafeText::sanitize(line), ascii).unwrap_err();
        assert_eq!(why(LINE, true).as_str(), "a QR code cannot be drawn in ASCII");
        let long = "x".repeat(3_000);
        assert_eq!(why(&long, false).as_str(), "the line is too long for a QR code");
    }
}

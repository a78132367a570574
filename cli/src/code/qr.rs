//! The line for a friend as a QR code, for whoever would rather point a camera
//! at it than read it out.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use crate::text::Shown;

/// One line of text for two rows of modules, with a margin of four modules. In
/// ASCII two characters for each module.
///
/// What is light in the code is drawn, and what is dark left out, as the screens
/// of most terminals are dark; on a light one it comes out inverted, which most
/// cameras read as well.
pub(super) fn drawn(line: &Shown, ascii: bool) -> Vec<Shown> {
    let Ok(code) = QrCode::with_error_correction_level(line.as_str(), EcLevel::L) else {
        return vec![Shown::line(&[&"too long for a QR code"])];
    };
    let picture = if ascii {
        let mut picture = code.render::<char>();
        picture.module_dimensions(2, 1).dark_color(' ').light_color('#').build()
    } else {
        let mut picture = code.render::<Dense1x2>();
        picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build()
    };
    picture.lines().map(Shown::one_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "cmdchat://192.168.1.20:3000/#oak-tidy-zoom";

    /// What a reader makes of it; `light` is which modules, row by row.
    fn read(light: &[Vec<bool>]) -> String {
        let size = light[0].len();
        let inner = 4..size - 4;
        let in_margin = |x, y| !inner.contains(&x) || !inner.contains(&y);
        for (y, row) in light.iter().enumerate() {
            assert_eq!(row.len(), size);
            assert!(row.iter().enumerate().all(|(x, light)| *light || !in_margin(x, y)));
        }
        let grid = rqrr::SimpleGrid::from_func(size - 8, |x, y| !light[y + 4][x + 4]);
        rqrr::Grid::new(grid).decode().expect("a QR code").1
    }

    #[test]
    fn a_camera_reads_the_line() {
        let mut modules = Vec::new();
        for line in drawn(&Shown::one_line(LINE), false) {
            let halves = |upper| {
                line.as_str()
                    .chars()
                    .map(move |c| c == '█' || c == if upper { '▀' } else { '▄' })
            };
            modules.push(halves(true).collect::<Vec<_>>());
            modules.push(halves(false).collect());
        }
        // The number of rows is odd: the last half line is none of it.
        assert_eq!((modules.len(), modules[0].len()), (38, 37));
        modules.pop();
        assert_eq!(read(&modules), LINE);
    }

    #[test]
    fn in_ascii_too() {
        let modules: Vec<Vec<bool>> = drawn(&Shown::one_line(LINE), true)
            .iter()
            .map(|line| line.as_str().as_bytes().chunks(2).map(|two| two == b"##").collect())
            .collect();
        assert_eq!(read(&modules), LINE);
    }

    #[test]
    fn what_is_too_long_is_said_to_be() {
        let long = drawn(&Shown::one_line(&"x".repeat(3_000)), false);
        assert_eq!(long, [Shown::one_line("too long for a QR code")]);
    }
}

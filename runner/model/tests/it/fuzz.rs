//! No text makes the parser panic.

use proptest::prelude::*;

use crate::support::{SOUND, parse_all, parse_one};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_all(&[("drill.yaml", &bytes)]);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[ -~\\n\u{e9}\u{1f600}]{0,200}") {
        let _ = parse_one(&text);
    }

    #[test]
    fn a_sound_file_with_a_piece_replaced_never_panics_and_points_into_the_file(
        start in 0..SOUND.len(),
        length in 0_usize..40,
        piece in prop_oneof![
            Just(String::new()), Just("{".to_owned()), Just("]".to_owned()), Just(": ".to_owned()),
            Just("\n".to_owned()), Just("*a".to_owned()), Just("&a ".to_owned()), Just("${x}".to_owned()),
            Just("null".to_owned()), Just("-1".to_owned()), "[a-z0-9:{}\\[\\],\\n -]{0,12}",
        ],
    ) {
        let end = (start + length).min(SOUND.len());
        let text = format!("{}{piece}{}", &SOUND[..start], &SOUND[end..]);
        let lines = u32::try_from(text.lines().count()).unwrap() + 1;
        for problem in parse_one(&text).err().unwrap_or_default() {
            prop_assert!(problem.location.line >= 1 && problem.location.line <= lines);
            prop_assert!(problem.location.column >= 1);
        }
    }

    #[test]
    fn a_sound_file_with_a_line_moved_never_panics(from in 0_usize..80, to in 0_usize..80) {
        let mut lines: Vec<&str> = SOUND.lines().collect();
        let line = lines.remove(from % lines.len());
        lines.insert(to % lines.len(), line);
        let _ = parse_one(&lines.join("\n"));
    }
}

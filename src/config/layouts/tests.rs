use super::*;

fn told(text: &str) -> Vec<String> {
    let config: crate::config::Config = toml::from_str(text).unwrap();
    config.faults()
}

#[test]
fn a_layout_is_read_and_has_the_slots_that_it_names() {
    let text = "[layouts.stage]\nlayout = \"custom\"\n\
                [[layouts.stage.tiles]]\nx = 0\ny = 0\nwidth = 0.667\nheight = 1\nstream = \"screen\"\nslot = 0\n\
                [[layouts.stage.tiles]]\nx = 0.667\ny = 0.0\nwidth = 0.334\nheight = 0.5\nslot = 0\n\
                [[layouts.stage.tiles]]\nx = 0.667\ny = 0.5\nwidth = 0.333\nheight = 0.5\nparticipant = \"host\"\n\
                [layouts.corner]\nlayout = \"pip\"\ncorner = \"top_left\"\n";
    assert!(told(text).is_empty(), "{:?}", told(text));
    let config: crate::config::Config = toml::from_str(text).unwrap();
    let stage = config.layouts["stage"].arrangement().unwrap();
    assert_eq!((stage.slots(), stage.tiles(), stage.named().count()), (1, 3, 1));
    let corner = config.layouts["corner"].arrangement().unwrap();
    assert_eq!(corner, Arrangement::Pip { corner: Corner::TopLeft, size: Fraction::percent(25) });
}

#[test]
fn each_fault_is_a_sentence() {
    let tile = |more: &str| {
        format!(
            "[layouts.a]\nlayout = \"custom\"\n[[layouts.a.tiles]]\nx = 0\ny = 0\nwidth = 0.5\nheight = 1\n{more}"
        )
    };
    for (text, sentence) in [
        (
            "[layouts.grid]\nlayout = \"pip\"".to_owned(),
            "layouts.grid has a name that is taken; allowed: any but grid, speaker, pip, side_by_side, screen, custom",
        ),
        (
            "[layouts.Big]\nlayout = \"pip\"".to_owned(),
            "layouts.\"Big\" has a name that is not allowed; the layout name must be 1 to 32 characters of a-z 0-9 _ -",
        ),
        (
            "[layouts.a]\nlayout = \"speaker\"".to_owned(),
            "layouts.a.layout = \"speaker\" is not allowed; allowed: \"pip\", \"side_by_side\", \"custom\"",
        ),
        (
            "[layouts.a]\nlayout = \"pip\"\nsize = 0.6".to_owned(),
            "layouts.a.size = 0.6 is not allowed; allowed: 0.1 to 0.5",
        ),
        (
            "[layouts.a]\nlayout = \"pip\"\nfit = \"cover\"".to_owned(),
            "layouts.a.fit is of no use; allowed: with layout = \"side_by_side\" only",
        ),
        ("[layouts.a]\nlayout = \"custom\"".to_owned(), "layouts.a.tiles has 0 entries; allowed: 1 to 25"),
        (tile("radius = nan"), "layouts.a.tiles[0].radius = NaN is not allowed; allowed: 0 to 0.5"),
        (tile("z = -101"), "layouts.a.tiles[0].z = -101 is not allowed; allowed: -100 to 100"),
        (
            tile("[[layouts.a.tiles]]\nx = 0.7\ny = 0\nwidth = 0.5\nheight = 1"),
            "layouts.a.tiles[1].width = 0.5 is too much; allowed: with x = 0.7 together 1 at most",
        ),
        (
            tile("border = { width = 0.1, color = \"#ffffff\" }"),
            "layouts.a.tiles[0].border.width = 0.1 is not allowed; allowed: 0 to 0.05",
        ),
    ] {
        assert_eq!(told(&text), [sentence], "{text}");
    }
}

//! Pictures that our own code draws: landscapes, cities, fruit, cloth and stones.
//!
//! Everything that the demo and the tests show, bank or recognise comes from here, so that nothing
//! in this repository needs anybody's photograph. The same seed and size MUST always give the same pixels.

mod aurora;
mod canvas;
mod dice;
mod fabric;
mod landscapes;
mod leaves;
mod pebbles;
mod sky;
mod skyline;
mod still_life;
mod terrain;
mod vector;

use std::fmt;

use image::RgbImage;

pub use canvas::Size;
use dice::Dice;

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    Mountains,
    Skyline,
    Fruit,
    Dunes,
    Leaves,
    Lake,
    Fabric,
    Canyon,
    Aurora,
    Spheres,
    Islands,
    Pebbles,
}

impl Scene {
    pub const ALL: [Scene; 12] = [
        Scene::Mountains,
        Scene::Skyline,
        Scene::Fruit,
        Scene::Dunes,
        Scene::Leaves,
        Scene::Lake,
        Scene::Fabric,
        Scene::Canyon,
        Scene::Aurora,
        Scene::Spheres,
        Scene::Islands,
        Scene::Pebbles,
    ];

    /// The scene that `draw` draws for a seed: neighbours differ.
    pub fn of(seed: u64) -> Scene {
        Scene::ALL[(seed % Scene::ALL.len() as u64) as usize]
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Scene::Mountains => "mountains",
            Scene::Skyline => "skyline",
            Scene::Fruit => "fruit",
            Scene::Dunes => "dunes",
            Scene::Leaves => "leaves",
            Scene::Lake => "lake",
            Scene::Fabric => "fabric",
            Scene::Canyon => "canyon",
            Scene::Aurora => "aurora",
            Scene::Spheres => "spheres",
            Scene::Islands => "islands",
            Scene::Pebbles => "pebbles",
        })
    }
}

/// The shape a camera would have given the picture: landscape, portrait or square, 480 to 1600 pixels a side.
pub fn natural_size(seed: u64) -> Size {
    const SIZES: [(u32, u32); 11] = [
        (1200, 800),
        (800, 1000),
        (1280, 720),
        (960, 960),
        (1024, 768),
        (720, 1080),
        (1600, 900),
        (640, 480),
        (1080, 810),
        (900, 600),
        (480, 600),
    ];
    let (width, height) = SIZES[(seed % SIZES.len() as u64) as usize];
    Size::new(width, height)
}

/// Draws the picture of a seed. The size changes the framing too: more width shows more of the scene.
pub fn draw(seed: u64, size: Size) -> RgbImage {
    let mut dice = Dice::new(seed);
    let canvas = match Scene::of(seed) {
        Scene::Mountains => landscapes::mountains(&mut dice, size),
        Scene::Skyline => skyline::skyline(&mut dice, size),
        Scene::Fruit => still_life::fruit(&mut dice, size),
        Scene::Dunes => landscapes::dunes(&mut dice, size),
        Scene::Leaves => leaves::leaves(&mut dice, size),
        Scene::Lake => landscapes::lake(&mut dice, size),
        Scene::Fabric => fabric::fabric(&mut dice, size),
        Scene::Canyon => landscapes::canyon(&mut dice, size),
        Scene::Aurora => aurora::aurora(&mut dice, size),
        Scene::Spheres => still_life::spheres(&mut dice, size),
        Scene::Islands => landscapes::islands(&mut dice, size),
        Scene::Pebbles => pebbles::pebbles(&mut dice, size),
    };
    canvas.develop(&mut dice)
}

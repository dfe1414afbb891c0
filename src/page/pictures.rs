//! The pictures of the worst images.

use crate::explain::{ClassReport, Report, short};
use crate::picture::{Album, Picture, Scale, Shape, Trio, class_colour, heat_colour};

use super::number::Number;
use super::rows::hex;

pub(super) struct Gallery {
    pub(super) images: Vec<Image>,
    /// Which images of the batch they are.
    pub(super) which: String,
    pub(super) loss: ScaleBar,
    /// What the greys of a prediction are.
    pub(super) prediction: ScaleBar,
    /// Name and colour of every class, where there are maps of classes.
    pub(super) classes: Vec<(String, String)>,
    /// How many pixels in each direction are one of a picture, where it is more than one.
    pub(super) shrunk: Option<String>,
    pub(super) slices: usize,
}

/// The colours of a scale, and its ends.
pub(super) struct ScaleBar {
    pub(super) gradient: String,
    pub(super) low: String,
    pub(super) middle: String,
    pub(super) high: String,
}

pub(super) struct Image {
    pub(super) number: usize,
    pub(super) share: Number,
    pub(super) own: Number,
    /// Which slice is shown at first, by its place.
    pub(super) worst: usize,
    pub(super) columns: Vec<Column>,
    /// The numbers of the slices, as the slider knows them.
    pub(super) slices: String,
    pub(super) last: usize,
    pub(super) aspect: String,
    pub(super) flat: bool,
}

/// Prediction, truth and loss of all classes or of one, slice by slice.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) drowned: bool,
    pub(super) slices: Vec<Sheet>,
}

pub(super) struct Sheet {
    pub(super) number: usize,
    pub(super) hidden: bool,
    pub(super) pictures: Vec<Labelled>,
}

pub(super) struct Labelled {
    pub(super) label: String,
    /// What the picture shows, for who cannot see it.
    pub(super) alt: String,
    pub(super) source: String,
}

impl Gallery {
    pub(super) fn new(report: &Report, album: &Album) -> Self {
        let named = |class: &ClassReport| (class.name.clone(), hex(class_colour(class.class)));
        let shrunk = |shrink: usize| format!("{shrink} × {shrink}");
        let Shape { shrink, shrink_classes, slices, .. } = album.shape;
        Self {
            images: album.images.iter().map(|picture| Image::new(report, album, picture)).collect(),
            which: match (album.images.len(), report.extents.image) {
                (1, 1) => String::new(),
                (1, of) => format!("Of {of} images the one that contributes most."),
                (shown, of) if shown < of => {
                    format!("The {shown} of {of} images that contribute most, the worst first.")
                }
                _ => "All images, the worst first.".into(),
            },
            loss: ScaleBar::of_losses(album.loss),
            prediction: ScaleBar::of_numbers(album.prediction),
            classes: if album.exclusive {
                report.classes.iter().map(named).collect()
            } else {
                Vec::new()
            },
            shrunk: match (shrink, shrink_classes) {
                (1, 1) => None,
                (one, other) if one == other => Some(shrunk(one)),
                (1, other) => Some(format!("{} (single classes)", shrunk(other))),
                (one, other) => {
                    Some(format!("{} ({} for single classes)", shrunk(one), shrunk(other)))
                }
            },
            slices,
        }
    }
}

impl ScaleBar {
    fn of_losses(scale: Scale) -> Self {
        let stop = |place: u8| hex(heat_colour(f64::from(place) / 16.0));
        let stops: Vec<String> = (0..=16).map(stop).collect();
        Self::new(scale, stops.join(", "), if scale.largest > scale.high { "≥ " } else { "" })
    }

    fn of_numbers(scale: Scale) -> Self {
        Self::new(scale, "#ffffff, #bbbbbb, #727272, #000000".into(), "")
    }

    fn new(scale: Scale, gradient: String, beyond: &str) -> Self {
        Self {
            gradient,
            low: rounded(scale.low),
            middle: rounded(f64::midpoint(scale.low, scale.high)),
            high: format!("{beyond}{}", rounded(scale.high)),
        }
    }
}

/// Four significant digits, without zeros at the end.
fn rounded(number: f64) -> String {
    match short(number) {
        shown if shown.contains('.') && !shown.contains('e') => {
            shown.trim_end_matches('0').trim_end_matches('.').into()
        }
        shown => shown,
    }
}

impl Image {
    fn new(report: &Report, album: &Album, picture: &Picture) -> Self {
        let image = &report.images[picture.image];
        let sheet = |name: &str, number: usize, trio: &Trio, hidden: bool| {
            let slice =
                if album.shape.slices > 1 { format!(", slice {number}") } else { String::new() };
            let pictures = [
                ("prediction", trio.prediction.as_ref()),
                ("truth", trio.truth.as_ref()),
                ("loss", Some(&trio.loss)),
            ];
            let labelled = |(label, source): (&'static str, Option<&String>)| {
                source.map(|source| Labelled {
                    label: format!("{label}{slice}"),
                    alt: format!("Image {}{slice}, {name}: {label}", picture.image),
                    source: source.clone(),
                })
            };
            Sheet { number, hidden, pictures: pictures.into_iter().filter_map(labelled).collect() }
        };
        let all = match &report.classes[..] {
            [one] => one.name.as_str(),
            _ => "all classes",
        };
        let whole =
            picture.slices.iter().enumerate().map(|(place, slice)| {
                sheet(all, slice.number, &slice.trio, place != picture.worst)
            });
        let mut columns =
            vec![Column { name: all.into(), drowned: false, slices: whole.collect() }];
        let worst = picture.slices.get(picture.worst).map_or(0, |slice| slice.number);
        for (class, trio) in report.classes.iter().zip(&picture.classes) {
            columns.push(Column {
                name: class.name.clone(),
                drowned: report.drowned.iter().any(|drowned| drowned.class == class.class),
                slices: vec![sheet(&class.name, worst, trio, false)],
            });
        }
        let numbers: Vec<String> =
            picture.slices.iter().map(|slice| slice.number.to_string()).collect();
        Self {
            number: picture.image,
            share: Number::percent(image.share_of_total),
            own: Number::short(image.own),
            worst: picture.worst,
            columns,
            last: numbers.len().saturating_sub(1),
            slices: numbers.join(" "),
            aspect: format!("{} / {}", album.shape.width.max(1), album.shape.height.max(1)),
            flat: album.shape.width > 8 * album.shape.height,
        }
    }
}

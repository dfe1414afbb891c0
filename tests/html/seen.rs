//! Pictures of a page, read back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Indices into a palette, of which the last is transparent.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    indices: Vec<u8>,
    transparency: Vec<u8>,
}

impl Picture {
    pub fn index(&self, row: usize, column: usize) -> u8 {
        self.indices[row * self.width + column]
    }

    pub fn is_transparent(&self, row: usize, column: usize) -> bool {
        self.transparency.get(usize::from(self.index(row, column))) == Some(&0)
    }
}

/// The picture with a text alternative.
pub fn picture(page: &str, alt: &str) -> Picture {
    let tag = format!("<img alt=\"{alt}\" src=\"data:image/png;base64,");
    let (_, rest) = page.split_once(&tag).unwrap_or_else(|| panic!("no picture of `{alt}`"));
    let bytes = STANDARD.decode(rest.split('"').next().unwrap()).unwrap();
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().unwrap();
    let mut indices = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut indices).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Indexed);
    let transparency = reader.info().trns.as_deref().unwrap_or_default().to_vec();
    Picture { width: frame.width as usize, height: frame.height as usize, indices, transparency }
}

//! AMF0 (Adobe, "Action Message Format – AMF 0", 2007): what RTMP commands and metadata are written in.
//!
//! Reading is tolerant and bounded: [`read_all`] returns the values up to the first one it cannot read.

/// How deep values may nest. Commands use two levels; the bound keeps the stack small.
const MAX_DEPTH: usize = 8;
/// How many values one message may hold, nested ones included.
const MAX_VALUES: usize = 1024;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Boolean(bool),
    String(String),
    /// Names and values in their written order.
    Object(Vec<(String, Value)>),
    /// An "associative array": on the wire an object with a count before it.
    EcmaArray(Vec<(String, Value)>),
    StrictArray(Vec<Value>),
    /// Milliseconds since 1970.
    Date(f64),
    Null,
    Undefined,
}

// Markers, AMF0 specification §2.1.
const NUMBER: u8 = 0x00;
const BOOLEAN: u8 = 0x01;
const STRING: u8 = 0x02;
const OBJECT: u8 = 0x03;
const NULL: u8 = 0x05;
const UNDEFINED: u8 = 0x06;
const ECMA_ARRAY: u8 = 0x08;
const OBJECT_END: u8 = 0x09;
const STRICT_ARRAY: u8 = 0x0A;
const DATE: u8 = 0x0B;
const LONG_STRING: u8 = 0x0C;

impl Value {
    /// A string value.
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// The number, if it is one.
    pub const fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The property `name` of an object or associative array.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(properties) | Self::EcmaArray(properties) => {
                properties.iter().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Appends the value's bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                out.push(NUMBER);
                out.extend(number.to_be_bytes());
            }
            Self::Boolean(value) => out.extend([BOOLEAN, u8::from(*value)]),
            Self::String(text) => match u16::try_from(text.len()) {
                Ok(length) => {
                    out.push(STRING);
                    out.extend(length.to_be_bytes());
                    out.extend(text.as_bytes());
                }
                Err(_) => {
                    out.push(LONG_STRING);
                    out.extend((text.len() as u32).to_be_bytes());
                    out.extend(text.as_bytes());
                }
            },
            Self::Object(properties) => {
                out.push(OBJECT);
                write_properties(properties, out);
            }
            Self::EcmaArray(properties) => {
                out.push(ECMA_ARRAY);
                out.extend((properties.len() as u32).to_be_bytes());
                write_properties(properties, out);
            }
            Self::StrictArray(values) => {
                out.push(STRICT_ARRAY);
                out.extend((values.len() as u32).to_be_bytes());
                values.iter().for_each(|value| value.write(out));
            }
            Self::Date(ms) => {
                out.push(DATE);
                out.extend(ms.to_be_bytes());
                out.extend([0, 0]);
            }
            Self::Null => out.push(NULL),
            Self::Undefined => out.push(UNDEFINED),
        }
    }
}

fn write_properties(properties: &[(String, Value)], out: &mut Vec<u8>) {
    for (name, value) in properties {
        // A name has a 16-bit length; a longer one is left out rather than written wrong.
        if let Ok(length) = u16::try_from(name.len()) {
            out.extend(length.to_be_bytes());
            out.extend(name.as_bytes());
            value.write(out);
        }
    }
    out.extend([0, 0, OBJECT_END]);
}

/// The bytes of `values`, one after the other.
pub fn write_all(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    values.iter().for_each(|value| value.write(&mut out));
    out
}

/// Reads values until the end, or until the first that is cut off, of a kind nobody sends, or beyond
/// the bounds. Never fails: what could be read counts.
pub fn read_all(input: &[u8]) -> Vec<Value> {
    let mut reader = Reader { input, left: MAX_VALUES };
    let mut values = Vec::new();
    while !reader.input.is_empty() {
        match reader.value(0) {
            Some(value) => values.push(value),
            None => break,
        }
    }
    values
}

struct Reader<'a> {
    input: &'a [u8],
    left: usize,
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.input.split_first_chunk::<N>()?;
        self.input = rest;
        Some(*bytes)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.input.split_at_checked(length)?;
        self.input = rest;
        Some(bytes)
    }

    fn text(&mut self, length: usize) -> Option<String> {
        Some(String::from_utf8_lossy(self.bytes(length)?).into_owned())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let [marker] = self.take()?;
        Some(match marker {
            NUMBER => Value::Number(f64::from_be_bytes(self.take()?)),
            BOOLEAN => Value::Boolean(self.take::<1>()? != [0]),
            STRING => {
                let length = u16::from_be_bytes(self.take()?);
                Value::String(self.text(usize::from(length))?)
            }
            LONG_STRING => {
                let length = u32::from_be_bytes(self.take()?);
                Value::String(self.text(length as usize)?)
            }
            OBJECT => Value::Object(self.properties(depth)?),
            ECMA_ARRAY => {
                // The count is a hint: writers get it wrong, the end marker decides.
                let _count: [u8; 4] = self.take()?;
                Value::EcmaArray(self.properties(depth)?)
            }
            STRICT_ARRAY => {
                let count = u32::from_be_bytes(self.take()?) as usize;
                if count > self.left {
                    return None;
                }
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(depth + 1)?);
                }
                Value::StrictArray(values)
            }
            DATE => {
                let ms = f64::from_be_bytes(self.take()?);
                let _zone: [u8; 2] = self.take()?;
                Value::Date(ms)
            }
            NULL => Value::Null,
            UNDEFINED => Value::Undefined,
            _ => return None,
        })
    }

    fn properties(&mut self, depth: usize) -> Option<Vec<(String, Value)>> {
        let mut properties = Vec::new();
        loop {
            let length = u16::from_be_bytes(self.take()?);
            if length == 0 && self.input.first() == Some(&OBJECT_END) {
                self.take::<1>()?;
                return Some(properties);
            }
            let name = self.text(usize::from(length))?;
            properties.push((name, self.value(depth + 1)?));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<f64>().prop_filter("NaN is not equal to itself", |n| !n.is_nan()).prop_map(Value::Number),
            any::<bool>().prop_map(Value::Boolean),
            "\\PC{0,20}".prop_map(Value::String),
            Just(Value::Null),
            Just(Value::Undefined),
            (0f64..1e12).prop_map(Value::Date),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let properties = prop::collection::vec(("[a-z]{1,8}", inner.clone()), 0..6);
            prop_oneof![
                properties.clone().prop_map(Value::Object),
                properties.prop_map(Value::EcmaArray),
                prop::collection::vec(inner, 0..6).prop_map(Value::StrictArray),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_come_back(values in prop::collection::vec(value(), 0..5)) {
            prop_assert_eq!(read_all(&write_all(&values)), values);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn a_cut_message_gives_the_values_before_the_cut(
            values in prop::collection::vec(value(), 1..5), cut in any::<prop::sample::Index>(),
        ) {
            let bytes = write_all(&values);
            let read = read_all(&bytes[..cut.index(bytes.len())]);
            prop_assert_eq!(&read[..], &values[..read.len()]);
        }
    }

    #[test]
    fn long_strings_survive() {
        let long = Value::string("x".repeat(70_000));
        assert_eq!(read_all(&write_all(std::slice::from_ref(&long))), [long]);
    }

    #[test]
    fn deep_nesting_and_huge_counts_are_refused() {
        // An object in an object in an object …: `03 00 01 'a'` repeated.
        let deep: Vec<u8> = [OBJECT, 0, 1, b'a'].repeat(100_000);
        assert_eq!(read_all(&deep), []);
        assert_eq!(read_all(&[STRICT_ARRAY, 0xFF, 0xFF, 0xFF, 0xFF, NULL]), []);
        assert_eq!(read_all(&[NULL].repeat(5000)).len(), MAX_VALUES);
    }
}

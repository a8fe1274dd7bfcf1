//! Which GStreamer elements are there: for `meetingcast doctor`.

/// GStreamer's version sentence.
///
/// # Errors
/// GStreamer cannot be initialised.
pub fn version() -> Result<String, gst::glib::Error> {
    gst::init()?;
    Ok(gst::version_string().to_string())
}

/// Whether an element can be made. GStreamer must be initialised (see [`version`]).
pub fn is_present(element: &str) -> bool {
    gst::ElementFactory::find(element).is_some_and(|factory| factory.create().build().is_ok())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_there_is_found_and_what_is_not_is_not() {
        assert!(super::version().unwrap().starts_with("GStreamer 1."));
        assert!(super::is_present("fakesink"));
        assert!(!super::is_present("nosuchelement"));
    }
}

//! The one composition root: configuration to parts; spawn; drain.

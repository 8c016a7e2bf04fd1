"""What the catalogue adapters share: options, downloads of whole documents, field mapping. No dialect lives here."""

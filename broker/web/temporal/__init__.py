"""The temporal API: evolutions written, read and ended; what is current is in `consumption` and `provision`."""

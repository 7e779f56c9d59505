"""One file per format: each holds one class derived from `preceptor.importers.base.Format`."""

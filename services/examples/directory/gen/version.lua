-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "69c7d75be4b9031b3971467007f8613aecbd1fb0180a276b2d553569024dc14c",
  time = "2026-11-28T15:04:55.531274069Z",
}

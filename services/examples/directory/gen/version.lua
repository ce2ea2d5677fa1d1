-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "b146ab2b05287b0fe72cf132ee32a527d6b6146fc119ed1d826d0a8e81460235",
  time = "2026-11-28T15:19:49.776789663Z",
}

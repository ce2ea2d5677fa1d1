-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "5486359aa8de2c7d4a2a526abb816912c98274815729ba8b1da2a3f63aadd170",
  time = "2026-11-28T15:06:38.393076557Z",
}

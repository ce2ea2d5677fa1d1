-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 5,
  sha256 = "6c4dfb7838274e5ef9d30e3942d10f0a10195f6c34c4de225263309c97a1122c",
  time = "2026-11-28T19:23:08.841958405Z",
}

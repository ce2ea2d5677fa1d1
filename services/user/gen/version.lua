-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 8,
  sha256 = "4a0380ceb4d2d1d9a2c2971feae6335a2c01780941887b76932e031b985d7ad1",
  time = "2026-11-28T18:51:23.166761870Z",
}

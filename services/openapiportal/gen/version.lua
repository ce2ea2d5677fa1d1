-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "d32c5f4c0880f3635fb9894ceee0519d1d8b23ff8a24beb06a7308519ca4fb3d",
  time = "2026-11-28T15:02:07.371507795Z",
}

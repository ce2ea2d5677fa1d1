-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "0ef179d849513340f6170941fc6278d6db4761b4308ecde7153df1a99252e8ce",
  time = "2026-11-28T15:48:57.196440742Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "89e3ddc562bcad24724b63814357ae7317f6d30e8beac9d46280270ac0ec6af2",
  time = "2026-11-28T19:20:43.036066807Z",
}

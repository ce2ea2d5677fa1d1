-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "2a9dc68a2e57a5268519916d2386701d37ad816ba1b96dd7bc4ce44dd8a5e1cc",
  time = "2026-11-28T15:18:50.692046612Z",
}

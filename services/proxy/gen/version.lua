-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "1ce9eab1f67dda5e1c72fcc6ccc7f0afdbb174f9bec267bcfa9fc4ec0225a354",
  time = "2026-11-28T18:40:29.391744866Z",
}

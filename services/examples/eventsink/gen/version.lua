-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "8b1f661eb8087f774a1819675d90f062f5507d74af4f0eea15162c956fbe9f59",
  time = "2026-11-28T15:48:57.196440742Z",
}

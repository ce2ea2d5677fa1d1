-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "1d2eec1be192ffd6e2675cb2cc168e57bedbb288556e83917411f934f4d1b541",
  time = "2026-11-28T15:19:49.776789663Z",
}

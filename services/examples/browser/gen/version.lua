-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "64f51c46574da12c1a97265b4afc9b1638b137c1e28e92bb46a7ba40186e1470",
  time = "2026-11-28T15:18:50.692046612Z",
}

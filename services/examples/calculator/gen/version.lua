-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "0dfb04bb54465a611e98fec50091aba1bb76046aef72ef6850fe0f90f99cc196",
  time = "2026-11-28T15:48:57.196440742Z",
}

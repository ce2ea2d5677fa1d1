-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 6,
  sha256 = "7952d6abe4a5a3cbe0dd349862147222c8862b6a1e4d1fe29d15bb40fe047b20",
  time = "2026-11-28T19:25:44.137275099Z",
}

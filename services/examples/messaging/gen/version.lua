-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "1f3e8a64cced2d618ea4750cf91226c6b51ea8c09c4d341fb306cfb7160c879d",
  time = "2026-11-28T15:48:57.196440742Z",
}

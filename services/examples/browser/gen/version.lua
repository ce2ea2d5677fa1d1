-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "05d28922046d6abfffbc83bdcce59bd851b111df3b8cad9b0fb8a713fd62fce4",
  time = "2026-11-28T15:48:57.196440742Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "e78b46e78511cead456a2cde81795c11cb8d3769f0770037d980294e53b5e192",
  time = "2026-11-28T15:48:57.196440742Z",
}

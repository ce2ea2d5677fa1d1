-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "48ea5a0bd583e2703cad44791b628f7bab837e25f0fc67621514e8a47e6ab141",
  time = "2026-11-28T19:20:43.036066807Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 6,
  sha256 = "bf9e6e84cda4555c2ab71dbd6e67ea59a89d767cb96823f640e1983b94e25d1a",
  time = "2026-11-28T22:47:41.749432552Z",
}

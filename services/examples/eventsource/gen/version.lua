-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "fde1549e166269bbe4ae15d029102a731f5f30393c8ce2e7d0fac75fb7db56c3",
  time = "2026-11-28T15:18:50.692046612Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "2ee47efe09f03191e96867d4681d20d035ec1f56c6ab3c86584b3ad028283b85",
  time = "2026-11-28T15:18:50.692046612Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "88a92f9478a6e785659491873bf6cb0492839259cbc500b7451f859ea4c5904f",
  time = "2026-11-28T15:48:57.196440742Z",
}

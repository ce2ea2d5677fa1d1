-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "6fd5c418b1121a111a0349581a74a56ccd4753db12e38e9ac9d5747f429f4695",
  time = "2026-11-28T15:48:57.196440742Z",
}

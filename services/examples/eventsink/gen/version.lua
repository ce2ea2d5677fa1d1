-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 2,
  sha256 = "b641f9feba8677807422afe6264ed271e040d4da63b8635f3e863b7d88dcc114",
  time = "2026-11-28T15:09:39.367443080Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "df9519751ec7850ff4b7e128c88fdbbb22f5988b95220e6da55b296d11c2db71",
  time = "2026-11-28T19:20:43.036066807Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "7dfa2f553a0d0d28cfd952e8b2c87dd790ffdb56834c07ca8667da28fc225d68",
  time = "2026-11-28T19:20:43.036066807Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "30acd9ddc74cda0ac41ed3f50f3658690a789d033e5f54a72b31db365cef1832",
  time = "2026-11-28T19:20:43.036066807Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "c3050bc656262c06e762365f9b1c626df7a0475d7fa47ce0a1f7a525b1378062",
  time = "2026-11-28T19:20:43.036066807Z",
}

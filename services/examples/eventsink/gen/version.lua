-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "4d4b35b86fcc5c6c4969ea6e23188b9ad942f6263b4e0bc939743759466b8b67",
  time = "2026-11-28T19:20:43.036066807Z",
}

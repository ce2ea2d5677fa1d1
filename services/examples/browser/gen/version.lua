-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "8b2b97e4187563a3584d8367a1690277a9a83605c7d3f8e57a73e1b7208d1b9b",
  time = "2026-11-28T19:20:43.036066807Z",
}

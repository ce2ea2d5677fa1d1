-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 2,
  sha256 = "6a551b856b46e6136df482bebe5b1d99d1c49b6eb77ccf6d2405608e89c19eda",
  time = "2026-11-28T15:09:28.646884197Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "f1e449bdb775ffcd200d0c11dc686f915cda8af144024bc6663b50d7e4654170",
  time = "2026-11-28T15:48:57.196440742Z",
}

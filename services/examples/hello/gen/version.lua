-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "76ce583c63b92ebb1905d006db8cb8d634d09a6ddc5b81cd90b702b063a51946",
  time = "2026-11-28T15:48:57.196440742Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "2f5688f76976e00ce2dc040e82adca39d5decc9a7d81e8994ff080d7c2c3cf8c",
  time = "2026-11-28T15:48:57.196440742Z",
}

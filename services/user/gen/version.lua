-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 6,
  sha256 = "77c1103c3ef00c6d598473eedc713006a148204641c856204289e5b1d9e78226",
  time = "2026-11-28T15:48:57.196440742Z",
}

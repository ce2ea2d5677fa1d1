-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "f450591cec8234694ebbdbd33e5658682f97a19781c2a509e5f813b135c16197",
  time = "2026-11-28T15:02:07.371507795Z",
}

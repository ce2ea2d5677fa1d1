-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 9,
  sha256 = "3e4e8c95b4253107fd37de00473b5de04eba568f18c83d36139891d02de47138",
  time = "2026-11-28T20:44:31.065605002Z",
}

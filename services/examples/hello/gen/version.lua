-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "e097ec826e9470d7da718ee3073050b1ead89a153bec16fdefc694978a0ad5d1",
  time = "2026-11-22T02:11:51.12348366Z",
}

-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "3b56b391ebfca74cfe9d1c95a432246065525a54ae1dc182fcd3f3fd4ccda577",
  time = "2026-11-28T15:24:10.341662946Z",
}

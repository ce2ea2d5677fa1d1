-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "27e41a6996682b32625b714ce55ba6e5837723b9934c1387057b391397a4da68",
  time = "2026-11-28T15:04:55.506538298Z",
}

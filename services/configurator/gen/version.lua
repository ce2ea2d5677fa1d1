-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 5,
  sha256 = "59538359282b38b3a6b5d9777e16c0a0898b34b5307b10f9093f2fb47136418e",
  time = "2026-11-28T19:20:43.036066807Z",
}

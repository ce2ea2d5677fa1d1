-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 2,
  sha256 = "78e2facd20c9d9f20bdeef47c005b0c1103a792f4ecb3b6dee794a37bf886eaa",
  time = "2026-11-28T19:25:44.137275099Z",
}

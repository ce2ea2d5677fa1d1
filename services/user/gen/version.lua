-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 8,
  sha256 = "c75e744bab75cc073f248aab8e294e4a458ab9a5a6ac4dfd4f63001a712900b4",
  time = "2026-11-28T19:25:44.137275099Z",
}
